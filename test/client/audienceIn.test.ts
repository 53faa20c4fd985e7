import { describe, expect, test } from "bun:test"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Either } from "effect"
import { readClaims } from "../../identity/readClaims.ts"
import type { FarEnd } from "../../proxy/testing/FarEnd.ts"
import { loginEndpoints } from "../../proxy/testing/loginEndpoints.ts"
import { type Home, ProxyProcess } from "../../proxy/testing/ProxyProcess.ts"
import { farAndHome } from "./farAndHome.ts"
import { ask } from "./localRequest.ts"

/** The ways of docs/tokens.md to ask for an audience, but RFC 8707's, which a real provider takes (login.test.ts). */

let far: FarEnd
let home: Home
farAndHome((ownFar, ownHome) => {
  far = ownFar
  home = ownHome
})

const clientId = "people"
const audiencesOf = (token: string) => Either.getOrThrow(readClaims(token)).audiences
const inScope = (pattern: RegExp) => (form: URLSearchParams) => pattern.exec(form.get("scope") ?? "")?.[1]

describe("a login at a provider that takes audiences", () => {
  test.each([
    ["in a parameter of its own", ["--audience-in", "audience"], (form: URLSearchParams) => form.get("audience"), []],
    ["as a scope", ["--audience-in", "scope"], inScope(/(clusterconnect:\S+)/), []],
    ["as Entra's scope", ["--audience-scope", "{audience}/.default"], inScope(/(\S+)\/\.default/), []],
    ["as the name of a scope", ["--audience-scope", "aud-{audience}"], inScope(/aud-(\S+)/), []],
    [
      "as Dex does, in the ID token",
      ["--use", "id-token", "--audience-scope", "audience:server:client_id:{audience}"],
      inScope(/audience:server:client_id:(\S+)/),
      [clientId],
    ],
  ] as const)("%s gives relay and cluster a token of their own", async (_, flags, audienceOf, more) => {
    const endpoint = await loginEndpoints(clientId, audienceOf)
    const caFile = join(home.path, "ca.pem")
    await writeFile(caFile, endpoint.caPem)
    const provider = ["--relay", far.relayUrl, "--issuer", endpoint.url, "--client-id", clientId, "--ca-file", caFile]
    const login = new ProxyProcess(home, ["login", ...provider, "--device-code", ...flags, far.cluster])
    expect([await login.exited, login.stderr]).toEqual([0, expect.stringContaining("Logged in as alice")])
    // What the login was asked for is remembered: no flag is needed again.
    const proxy = new ProxyProcess(home, ["proxy", far.cluster, "--pin", far.material.pin])
    await proxy.ready()
    expect((await ask(home, "/api")).status).toBe(200)
    expect(await proxy.stop()).toBe(0)

    const [request] = far.requests
    const authorization = request?.rawHeaders[request.rawHeaders.indexOf("Authorization") + 1] ?? ""
    expect(audiencesOf(authorization.replace("Bearer ", ""))).toEqual([...more, far.clusterAudience])
    for (const call of far.relayCalls)
      expect(audiencesOf(call.authorization.replace("Bearer ", ""))).toEqual([...more, far.relayAudience])
    const forms = endpoint.asked.map(({ body }) => new URLSearchParams(body)).filter((form) => form.size > 0)
    expect(forms.length).toBeGreaterThan(2)
    for (const form of forms) expect(form.has("resource")).toBe(false)
    await endpoint.stop()
  })

  test("in a way that is none is a usage error", async () => {
    const login = new ProxyProcess(home, ["login", "--relay", far.relayUrl, "--audience-in", "header", far.cluster])
    expect([await login.exited, login.stderr]).toEqual([2, expect.stringContaining("audience-in")])
  })
})
