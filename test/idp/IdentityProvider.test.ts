import { afterAll, beforeAll, expect, test } from "bun:test"
import { createHash, randomBytes } from "node:crypto"
import { readClaims } from "../../identity/readClaims.ts"
import { type IdentityProvider, loopbackRedirect, publicClientId, startIdentityProvider } from "./IdentityProvider.ts"
import { postForm, request, visit } from "./visit.ts"

let provider: IdentityProvider
const relayAudience = "clusterconnect:relay.example.com"
const clusterAudience = "clusterconnect:relay.example.com/edge-1"

beforeAll(async () => {
  provider = await startIdentityProvider({
    accounts: { alice: { groups: ["developers", "on, call"] }, bob: { groups: [] } },
    workloads: { ci: { secret: "a secret of the test", claims: { groups: ["deployers"] } } },
  })
})
afterAll(() => provider.stop())

const endpoints = async () => {
  const { body } = await request(`${provider.issuer}/.well-known/openid-configuration`, { caPem: provider.caPem })
  return JSON.parse(body) as Record<string, string>
}
const claimsOf = (token: unknown) => {
  const read = readClaims(String(token))
  if (read._tag === "Left") throw read.left
  return read.right
}

test("discovery names the issuer and its keys are public", async () => {
  const { issuer, jwks_uri } = await endpoints()
  expect(issuer).toBe(provider.issuer)
  const { body } = await request(jwks_uri ?? "", { caPem: provider.caPem })
  const { keys } = JSON.parse(body) as { keys: Record<string, unknown>[] }
  expect(keys.map((key) => key.kty).sort()).toEqual(["EC", "EC", "OKP", "RSA"])
  for (const key of keys) expect(key).not.toHaveProperty("d")
})

test("nobody without its root can talk to it", async () => {
  const other = await startIdentityProvider()
  try {
    await expect(request(provider.issuer, { caPem: other.caPem })).rejects.toThrow()
  } finally {
    await other.stop()
  }
})

test("a workload gets a token for the audience it asks for, with its claims", async () => {
  const { token_endpoint = "" } = await endpoints()
  const basic = Buffer.from(`ci:${encodeURIComponent("a secret of the test")}`).toString("base64")
  const { status, json } = await postForm(
    token_endpoint,
    provider.caPem,
    [
      ["grant_type", "client_credentials"],
      ["resource", clusterAudience],
    ],
    { authorization: `Basic ${basic}` },
  )
  expect(status).toBe(200)
  const token = claimsOf(json.access_token)
  expect(token.audiences).toEqual([clusterAudience])
  expect(token.subject).toBe("ci")
  expect(token.claims.groups).toEqual(["deployers"])
})

test("a person logs in by code and PKCE and gets one token for the relay and one for the cluster", async () => {
  const { authorization_endpoint, token_endpoint = "" } = await endpoints()
  const verifier = randomBytes(32).toString("base64url")
  const query = new URLSearchParams([
    ["client_id", publicClientId],
    ["response_type", "code"],
    ["redirect_uri", loopbackRedirect],
    ["scope", "openid offline_access"],
    ["resource", relayAudience],
    ["resource", clusterAudience],
    ["code_challenge_method", "S256"],
    ["code_challenge", createHash("sha256").update(verifier).digest("base64url")],
    ["login_hint", "alice"],
    ["state", "s"],
  ])
  const landed = await visit(`${authorization_endpoint}?${query}`, provider.caPem, loopbackRedirect)
  const code = new URL(landed).searchParams.get("code") ?? ""
  const first = await postForm(token_endpoint, provider.caPem, [
    ["grant_type", "authorization_code"],
    ["client_id", publicClientId],
    ["code", code],
    ["redirect_uri", loopbackRedirect],
    ["code_verifier", verifier],
    ["resource", relayAudience],
  ])
  expect(first.status).toBe(200)
  expect(claimsOf(first.json.access_token).audiences).toEqual([relayAudience])
  const second = await postForm(token_endpoint, provider.caPem, [
    ["grant_type", "refresh_token"],
    ["client_id", publicClientId],
    ["refresh_token", String(first.json.refresh_token)],
    ["resource", clusterAudience],
  ])
  expect(second.status).toBe(200)
  const token = claimsOf(second.json.access_token)
  expect(token.audiences).toEqual([clusterAudience])
  expect(token.subject).toBe("alice")
  expect(token.claims.groups).toEqual(["developers", "on, call"])
  expect(claimsOf(first.json.id_token).audiences).toEqual([publicClientId])
})

test("a person approves a device code", async () => {
  const { device_authorization_endpoint = "", token_endpoint = "" } = await endpoints()
  const started = await postForm(device_authorization_endpoint, provider.caPem, [
    ["client_id", publicClientId],
    ["scope", "openid"],
    ["resource", clusterAudience],
    ["login_hint", "bob"],
  ])
  expect(started.status).toBe(200)
  const ask = () =>
    postForm(token_endpoint, provider.caPem, [
      ["grant_type", "urn:ietf:params:oauth:grant-type:device_code"],
      ["client_id", publicClientId],
      ["device_code", String(started.json.device_code)],
      ["resource", clusterAudience],
    ])
  expect((await ask()).json.error).toBe("authorization_pending")
  await visit(String(started.json.verification_uri_complete), provider.caPem)
  const { status, json } = await ask()
  expect(status).toBe(200)
  expect(claimsOf(json.access_token).subject).toBe("bob")
  expect(claimsOf(json.access_token).audiences).toEqual([clusterAudience])
})
