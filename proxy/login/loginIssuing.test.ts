import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { trustedRoots } from "../../platform/outbound.ts"
import type { Profile } from "../profiles/Profile.ts"
import { tokenEndpoint } from "../testing/ciEndpoints.ts"
import { jwt } from "../testing/FarEnd.ts"
import { issuedRelayToken, mintFor } from "../tokens/Issuing.ts"
import { loginIssuing } from "./loginIssuing.ts"
import { Sessions } from "./Sessions.ts"

const clientId = "c"
const audience = "clusterconnect:relay.example"

/** A provider that takes each refresh token once and gives the next one with `answer`. */
const rotatingProvider = async () => {
  const place = { issuer: "" }
  const provider = {
    spent: 0,
    answer: (_issuer: string): Record<string, unknown> => ({}),
  }
  const endpoint = await tokenEndpoint(({ url, body }) => {
    const { issuer } = place
    if (url.pathname === "/.well-known/openid-configuration")
      return { status: 200, body: { issuer, token_endpoint: `${issuer}/token` } }
    if (new URLSearchParams(body).get("refresh_token") !== `refresh-${provider.spent}`)
      return { status: 400, body: { error: "invalid_grant" } }
    provider.spent += 1
    const refresh_token = `refresh-${provider.spent}`
    return { status: 200, body: { token_type: "Bearer", expires_in: 300, refresh_token, ...provider.answer(issuer) } }
  })
  place.issuer = endpoint.url
  return Object.assign(provider, { issuer: endpoint.url, caPem: endpoint.caPem, stop: endpoint.stop })
}

let provider: Awaited<ReturnType<typeof rotatingProvider>>
let directory: string
beforeEach(async () => {
  provider = await rotatingProvider()
  directory = await mkdtemp(join(tmpdir(), "clusterconnect-issuing-"))
})
afterEach(async () => {
  await provider.stop()
  await rm(directory, { recursive: true })
})

/** Tokens of a login that somebody has made, as each start of a program sees it. */
const login = async (use: Profile["use"] = "access-token") => {
  const { issuer, caPem } = provider
  const sessions = new Sessions(directory, undefined)
  await sessions.held("work", ({ replace }) => replace({ issuer, clientId, refreshToken: "refresh-0", tokens: {} }))
  const profile: Profile = { relay: "https://relay.example", issuer, clientId, ...(use === undefined ? {} : { use }) }
  const route = { proxy: {}, ca: trustedRoots({ pem: [caPem] }) }
  return () => loginIssuing({ name: "work", profile }, sessions, route)
}

test("a refresh that brings no ID token keeps the refresh token that came with it", async () => {
  const issuing = await login("id-token")
  provider.answer = () => ({ access_token: "opaque" })
  await expect(issuing().mint(audience)).rejects.toMatchObject({ cause: "TokenMissing" })
  provider.answer = (issuer) => ({ access_token: "opaque", id_token: jwt({ iss: issuer, aud: clientId, iat: 1 }) })
  expect(await issuing().mint(audience)).toContain(".")
})

test.each(["access-token", "id-token"] as const)(
  "a clock that is ahead of a token's end does not end the login: the %s is refused with the word clock, and the refresh token kept",
  async (use) => {
    const issuing = await login(use)
    const relayToken = () => issuedRelayToken(issuing(), audience).current()
    const tokens = (seconds: number) => (issuer: string) => {
      const exp = Math.floor(Date.now() / 1_000) + seconds
      const token = (aud: string | readonly string[]) => jwt({ iss: issuer, aud, azp: clientId, iat: exp - 300, exp })
      return { access_token: token(audience), id_token: token([clientId, audience]) }
    }
    provider.answer = tokens(-3_600)
    await expect(relayToken()).rejects.toMatchObject({
      cause: "TokenExpired",
      detail: expect.stringContaining("check this machine's clock"),
    })
    provider.answer = tokens(300)
    expect(await relayToken()).toContain(".")
  },
)

test("a token that was refused is asked for again by the next command: whoever mends the provider need not log in", async () => {
  const issuing = await login()
  const wanted = () => mintFor(issuing(), audience, "relay", (one) => one === "https://another.example")
  provider.answer = () => ({ access_token: jwt({ aud: "account" }) })
  await expect(wanted()).rejects.toMatchObject({ cause: "RelayAudienceMissing" })
  provider.answer = () => ({ access_token: jwt({ aud: [audience, "https://another.example"] }) })
  await expect(wanted()).rejects.toMatchObject({ cause: "TokenOpensOthers" })
  provider.answer = () => ({ access_token: jwt({ aud: audience }) })
  const { token } = await wanted()
  expect(await wanted()).toMatchObject({ token })
  expect(provider.spent).toBe(3)
})

test("a login that cannot be read is a failure of this machine that names its file, also in a program that runs", async () => {
  const issuing = await login()
  await Bun.write(join(directory, "work.json"), "{")
  await expect(issuedRelayToken(issuing(), audience).current()).rejects.toMatchObject({
    hop: "proxy",
    cause: "LocalFailure",
    detail: expect.stringContaining(join(directory, "work.json")),
  })
})
