import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { constants } from "node:os"
import { join } from "node:path"
import { eventually } from "../../test/world/eventually.ts"
import { tokenEndpoint } from "../testing/ciEndpoints.ts"
import { FarEnd, jwt } from "../testing/FarEnd.ts"
import { Home, ProxyProcess } from "../testing/ProxyProcess.ts"

let far: FarEnd
let home: Home
beforeAll(async () => {
  far = await FarEnd.start()
  home = await Home.for(far)
})
afterAll(async () => {
  await far.stop()
  await home[Symbol.asyncDispose]()
})

/** Linux: whether the process is there, and SIGINT does anything but end it. The first one is taken back when it is heard. */
const catchesInterrupt = (pid: number | undefined): boolean => {
  const file = `/proc/${pid}/status`
  const status = existsSync(file) ? readFileSync(file, "utf8") : ""
  const caught = /^SigCgt:\s*(\w+)$/m.exec(status)?.[1] ?? ""
  return (Number.parseInt(caught.at(-1) ?? "0", 16) & (1 << (constants.signals.SIGINT - 1))) !== 0
}

test("Ctrl-C while the identity provider answers a refresh ends the program only when the new refresh token is kept", async () => {
  const place = { issuer: "" }
  const asked = Promise.withResolvers<void>()
  const answers = Promise.withResolvers<void>()
  const provider = await tokenEndpoint(async ({ url }) => {
    const { issuer } = place
    if (url.pathname !== "/token") return { status: 200, body: { issuer, token_endpoint: `${issuer}/token` } }
    asked.resolve()
    await answers.promise
    const access_token = jwt({ iss: issuer, aud: far.relayAudience })
    return { status: 200, body: { token_type: "Bearer", expires_in: 300, refresh_token: "second", access_token } }
  })
  try {
    const issuer = provider.url
    place.issuer = issuer
    const session = { issuer, clientId: "c", refreshToken: "first", tokens: {} }
    const profile = { relay: far.relayUrl, issuer, clientId: "c", caFile: join(home.path, "ca.pem") }
    await mkdir(join(home.configuration, "sessions"), { recursive: true, mode: 0o700 })
    await writeFile(profile.caFile, provider.caPem)
    await writeFile(
      join(home.configuration, "profiles.json"),
      JSON.stringify({ version: 1, profiles: { work: profile } }),
    )
    const file = join(home.configuration, "sessions", "work.json")
    await writeFile(file, JSON.stringify({ version: 1, session }), { mode: 0o600 })
    const list = new ProxyProcess(home, ["clusters", "list"], { CLUSTERCONNECT_KEYRING: "off" })
    await Promise.race([asked.promise, list.ended().then(({ stderr }) => Promise.reject(new Error(stderr)))])
    list.child.kill("SIGINT")
    await eventually("the signal is heard", 5_000, async () =>
      catchesInterrupt(list.child.pid) ? { seen: list.stderr } : { done: true },
    )
    answers.resolve()
    expect(await list.exited).toBe(130)
    expect(JSON.parse(await readFile(file, "utf8")).session.refreshToken).toBe("second")
  } finally {
    answers.resolve()
    await provider.stop()
  }
})
