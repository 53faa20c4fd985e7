import { expect, test } from "bun:test"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type FarEnd, jwt } from "../../proxy/testing/FarEnd.ts"
import { loginEndpoints } from "../../proxy/testing/loginEndpoints.ts"
import { type Home, ProxyProcess } from "../../proxy/testing/ProxyProcess.ts"
import { KnownClusters } from "../../proxy/trust/KnownClusters.ts"
import { farAndHome } from "./farAndHome.ts"
import { ask } from "./localRequest.ts"

/** What one start of the program learns of audiences, and a later one acts upon. */

let far: FarEnd
let home: Home
farAndHome((ownFar, ownHome) => {
  far = ownFar
  home = ownHome
})

const memory = () => new KnownClusters(join(home.configuration, "known-clusters.json"))
const pin = `sha256:${"1".repeat(64)}` as const

test("what a document named is remembered: the next start sends the relay no token that is for it too, not once", async () => {
  far.publish({ audiences: { "https://idp.example": "api://edge" } })
  await writeFile(home.tokenFile, jwt({ aud: "api://edge" }))
  const first = ProxyProcess.serving(home, far)
  await first.ready()
  expect((await ask(home, "/api")).status).toBe(200)
  expect(await first.stop()).toBe(0)
  const { length } = far.relayCalls
  await writeFile(home.relayTokenFile, jwt({ aud: [far.relayAudience, "api://edge"] }))
  const second = ProxyProcess.serving(home, far)
  expect(await second.exited).toBe(3)
  for (const said of [`cluster ${far.cluster} named`, `"${far.relayUrl} ${far.cluster}" of ${memory().path}`])
    expect(second.stderr).toContain(said)
  expect(far.relayCalls).toHaveLength(length)
})

test("a login says at once that its relay token is good at a cluster that is known here", async () => {
  const clientId = "people"
  const inScope = (form: URLSearchParams) => /audience:server:client_id:(\S+)/.exec(form.get("scope") ?? "")?.[1]
  const endpoint = await loginEndpoints(clientId, inScope)
  const caFile = join(home.path, "ca.pem")
  await writeFile(caFile, endpoint.caPem)
  await memory().remember(far.relayUrl, "prod", { pin, serial: 1, audiences: [clientId] })
  const provider = ["--relay", far.relayUrl, "--issuer", endpoint.url, "--client-id", clientId, "--ca-file", caFile]
  const asked = ["--device-code", "--use", "id-token", "--audience-scope", "audience:server:client_id:{audience}"]
  const login = new ProxyProcess(home, ["login", ...provider, ...asked, far.cluster])
  expect(await login.exited).toBe(3)
  expect(login.stderr).toContain("a document of cluster prod named")
  await endpoint.stop()
})
