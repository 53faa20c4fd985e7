import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Either } from "effect"
import { readClaims } from "../../identity/readClaims.ts"
import type { FarEnd } from "../../proxy/testing/FarEnd.ts"
import { type Home, ProxyProcess } from "../../proxy/testing/ProxyProcess.ts"
import { type IdentityProvider, publicClientId, startIdentityProvider } from "../idp/IdentityProvider.ts"
import { visit } from "../idp/visit.ts"
import { farAndHome } from "./farAndHome.ts"
import { ask } from "./localRequest.ts"

let provider: IdentityProvider
let far: FarEnd
let home: Home
let caFile: string
let temporary: string
beforeAll(async () => {
  provider = await startIdentityProvider({ accessTokenSeconds: 60 })
  temporary = await mkdtemp(join(tmpdir(), "clusterconnect-client-"))
  caFile = join(temporary, "ca.pem")
  await writeFile(caFile, provider.caPem)
})
afterAll(async () => {
  await provider.stop()
  await rm(temporary, { recursive: true })
})
farAndHome((ownFar, ownHome) => {
  far = ownFar
  home = ownHome
})

const run = (...args: string[]) => new ProxyProcess(home, args)
/** Logs in with the device code, as a person with another device does. */
const loggedIn = async (...more: string[]): Promise<ProxyProcess> => {
  const options = ["--relay", far.relayUrl, "--issuer", provider.issuer, "--client-id", publicClientId]
  const login = run("login", ...options, "--ca-file", caFile, "--device-code", ...more, far.cluster)
  await login.says("confirm the code")
  await visit(/open (https:\S+)/.exec(login.stderr)?.[1] ?? "", provider.caPem)
  expect([await login.exited, login.stderr]).toEqual([0, expect.stringContaining("Logged in as alice")])
  return login
}
const claims = (token: string) => Either.getOrThrow(readClaims(token))
const bearer = (rawHeaders: readonly string[]) =>
  (rawHeaders[rawHeaders.findIndex((name) => name.toLowerCase() === "authorization") + 1] ?? "").replace("Bearer ", "")

describe("after one login", () => {
  test("no command needs the relay or a token again; relay and cluster each see a token of their own", async () => {
    await loggedIn()
    const proxy = run("proxy", far.cluster, "--pin", far.material.pin)
    await proxy.ready()
    expect((await ask(home, "/api")).status).toBe(200)
    expect(await proxy.stop()).toBe(0)
    const [cluster] = far.requests.map(({ rawHeaders }) => claims(bearer(rawHeaders)))
    expect(cluster).toMatchObject({ issuer: provider.issuer, subject: "alice", audiences: [far.clusterAudience] })
    for (const { authorization } of far.relayCalls)
      expect(claims(authorization.replace("Bearer ", "")).audiences).toEqual([far.relayAudience])
  })

  test("nothing secret stands in an argument, in the output, or in a file that others can read", async () => {
    const login = await loggedIn()
    const directory = join(home.configuration, "sessions")
    const files = (await readdir(directory)).filter((name) => name.endsWith(".json"))
    expect(files).toHaveLength(1)
    const kept = await readFile(join(directory, files[0] ?? ""), "utf8")
    const { session } = JSON.parse(kept) as { session: { refreshToken: string; tokens: Record<string, string> } }
    for (const secret of [session.refreshToken, ...Object.values(session.tokens)])
      expect(login.stdout + login.stderr).not.toContain(secret)
    expect(await readFile(join(home.configuration, "profiles.json"), "utf8")).not.toContain(session.refreshToken)
  })

  test("many programs at once never spend one refresh token twice", async () => {
    await loggedIn()
    const directory = join(home.configuration, "sessions")
    const [file = ""] = (await readdir(directory)).filter((name) => name.endsWith(".json"))
    const kept = JSON.parse(await readFile(join(directory, file), "utf8"))
    await writeFile(join(directory, file), JSON.stringify({ ...kept, session: { ...kept.session, tokens: {} } }))
    const proxies = [1, 2, 3, 4].map(() => run("proxy", far.cluster, "--pin", far.material.pin))
    await Promise.all(proxies.map((proxy) => proxy.ready()))
    await Promise.all(proxies.map((proxy) => proxy.stop()))
    // The provider ends a login whose refresh token comes twice.
    const again = run("proxy", far.cluster, "--pin", far.material.pin)
    await again.ready()
    await again.stop()
  })

  test("logout ends it: the next command says how to log in, with exit code 3", async () => {
    await loggedIn()
    const out = run("logout")
    expect([await out.exited, out.stderr]).toEqual([0, expect.stringContaining("revoked at the identity provider")])
    const proxy = run("proxy", far.cluster, "--pin", far.material.pin)
    expect(await proxy.exited).toBe(3)
    expect(proxy.stderr).toContain("clusterconnect login")
  })
})

test("a login whose relay is written otherwise renews that relay's profile, and what a person wrote there meanwhile stays", async () => {
  await loggedIn()
  const path = join(home.configuration, "profiles.json")
  const profiles = async () => JSON.parse(await readFile(path, "utf8"))
  const login = run("login", "--relay", `${far.relayUrl.replace("http", "HTTP")}/`, "--device-code", "edge-2")
  await login.says("confirm the code")
  const file = await profiles()
  const [name = "", ...others] = Object.keys(file.profiles)
  file.profiles[name].clusters[far.cluster].pin = far.material.pin
  await writeFile(path, JSON.stringify(file))
  await visit(/open (https:\S+)/.exec(login.stderr)?.[1] ?? "", provider.caPem)
  expect([await login.exited, others]).toEqual([0, []])
  expect(await profiles()).toEqual({
    ...file,
    profiles: {
      [name]: { ...file.profiles[name], clusters: { [far.cluster]: { pin: far.material.pin }, "edge-2": {} } },
    },
  })
})

test("logout names the proxies that go on with the tokens they hold, and how each is ended", async () => {
  await loggedIn()
  const foreground = run("proxy", far.cluster, "--pin", far.material.pin)
  await foreground.ready()
  const out = run("logout")
  expect(await out.exited).toBe(0)
  expect(out.stderr).toMatch(/A proxy \(pid \d+\) still serves \S+ with the tokens that it holds: Ctrl-C ends it\n/)
  await foreground.stop()
  await loggedIn()
  const background = run("proxy", far.cluster, "--pin", far.material.pin, "--background")
  expect(await background.exited).toBe(0)
  const again = run("logout")
  await again.exited
  expect(again.stderr).toContain(`end it with \`clusterconnect stop ${far.cluster}\``)
  const stopped = run("stop", far.cluster)
  expect(await stopped.exited).toBe(0)
})

test("logout --all ends every login that is kept, also of a profile whose settings are gone", async () => {
  await loggedIn()
  await rm(join(home.configuration, "profiles.json"))
  const out = run("logout", "--all")
  // The provider's authority stood in the settings.
  expect([await out.exited, out.stderr]).toEqual([0, expect.stringContaining("removed here, but NOT revoked")])
  expect((await readdir(join(home.configuration, "sessions"))).filter((name) => name.endsWith(".json"))).toEqual([])
  const again = run("logout", "--all")
  expect([await again.exited, again.stderr]).toEqual([0, "Nobody is logged in\n"])
})

test("a login without a provider is a usage error that names both flags", async () => {
  const login = run("login", "--relay", far.relayUrl)
  expect(await login.exited).toBe(2)
  expect(login.stderr).toContain("--issuer")
})
