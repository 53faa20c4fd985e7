import { afterEach, beforeAll, describe, expect, test } from "bun:test"
import { createHmac, createPublicKey, generateKeyPairSync } from "node:crypto"
import { signCompact } from "../../../identity/testing/signingKeys.ts"
import type { AttackRange } from "../range/AttackRange.ts"
import { dialRelay } from "../range/carriers.ts"
import { fetchKeys } from "../range/fetchKeys.ts"
import { causeOf, request } from "../range/requests.ts"

const encoded = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url")
const partsOf = (token: string) =>
  token.split(".", 2).map((part) => JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>)

/** Whoever could forge a token would be anybody. The tables are in identity/; here the whole path stands in between. */
export const tokens = (range: () => AttackRange): void => {
  const own = generateKeyPairSync("rsa", { modulusLength: 2048 })
  let header: Record<string, unknown>
  let claims: Record<string, unknown>
  let publicPem: string

  beforeAll(async () => {
    ;[header, claims] = partsOf(await range().clusterToken({ groups: [] })) as [typeof header, typeof claims]
    const keys = await fetchKeys(range().world.identityProvider)
    const jwk = keys.find(({ kid }) => kid === header.kid)
    publicPem = createPublicKey({ key: jwk as never, format: "jwk" }).export({ type: "spki", format: "pem" }) as string
  })
  afterEach(() => range().hangUp())

  /** What the auth proxy says to the token, after making sure that nothing reached the API server. */
  const verdict = async (token: string): Promise<readonly [number, string | undefined]> => {
    const mark = range().audit.mark()
    range().tokens.push(token)
    const { raw } = await range().connect()
    const answer = await raw.ask(request("GET /api", { token }))
    expect(await range().reached(mark)).toEqual([])
    // What is too short to be a token is also a word.
    if (token.length > 16) expect(answer.body).not.toContain(token)
    return [answer.status, causeOf(answer.body)]
  }
  const byOwnKey = (more: Record<string, unknown>, kid: unknown = header.kid) =>
    signCompact(JSON.stringify({ ...header, kid, ...more }), JSON.stringify(claims), "RS256", own.privateKey)
  const mint = (changed: Record<string, unknown>, options: Parameters<AttackRange["clusterToken"]>[1] = {}) =>
    range().clusterToken(changed, options)

  describe("S5: a forged token is refused:", () => {
    test("alg none, in several spellings, with and without a signature", async () => {
      for (const alg of ["none", "None", "NONE", "nOnE", ""])
        for (const signature of ["", "c2lnbmF0dXJl"]) {
          const [status] = await verdict(`${encoded({ ...header, alg })}.${encoded(claims)}.${signature}`)
          expect(status).toBe(401)
        }
    })

    test("HS256, 384 and 512 keyed with the issuer's public key", async () => {
      for (const [alg, hash] of [
        ["HS256", "sha256"],
        ["HS384", "sha384"],
        ["HS512", "sha512"],
      ] as const) {
        const input = `${encoded({ ...header, alg })}.${encoded(claims)}`
        const signature = createHmac(hash, publicPem).update(input).digest("base64url")
        expect(await verdict(`${input}.${signature}`)).toEqual([401, "TokenAlgorithmRefused"])
      }
    })

    test("a kid that climbs, injects or is no text", async () => {
      for (const kid of ["../../../../dev/null", "/etc/passwd", "' OR '1'='1", "", "\u0000", 7, ["a"], null])
        expect((await verdict(byOwnKey({}, kid)))[0]).toBe(401)
    })

    test("jku, x5u, x5c or an embedded jwk that bring the forger's own key", async () => {
      const jwk = own.publicKey.export({ format: "jwk" })
      for (const more of [
        { jku: "https://evil.example/jwks" },
        { x5u: "https://evil.example/cert" },
        { x5c: ["MIIB"] },
        { jwk },
        { jwk, kid: undefined },
      ])
        expect((await verdict(byOwnKey(more)))[0]).toBe(401)
    })

    test("crit", async () => {
      expect(await verdict(await mint({}, { header: { crit: ["exp"] } }))).toEqual([401, "TokenCriticalHeader"])
      expect((await verdict(await mint({}, { header: { crit: ["b64"], b64: false } })))[0]).toBe(401)
    })

    test("the signature of another token, a changed payload, a cut signature", async () => {
      const [h = "", , s = ""] = (await mint({})).split(".")
      const other = (await mint({ sub: "somebody" })).split(".")[1]
      expect(await verdict(`${h}.${other}.${s}`)).toEqual([401, "TokenSignatureInvalid"])
      const [, payload] = (await mint({})).split(".")
      expect((await verdict(`${h}.${payload}.${s.slice(0, -4)}`))[0]).toBe(401)
      expect((await verdict(`${h}.${payload}.`))[0]).toBe(401)
    })
  })

  describe("S5: a genuine token that is not for this, or not now, is refused:", () => {
    test("without exp, expired, not yet valid, from the future", async () => {
      const now = Math.floor(Date.now() / 1000)
      expect((await verdict(await mint({ exp: undefined })))[0]).toBe(401)
      expect(await verdict(await mint({}, { expiresInSeconds: -120 }))).toEqual([401, "TokenExpired"])
      expect(await verdict(await mint({ nbf: now + 600 }))).toEqual([401, "TokenNotYetValid"])
      expect((await verdict(await mint({ iat: undefined })))[0]).toBe(401)
      expect((await verdict(await mint({ exp: "9999999999" })))[0]).toBe(401)
    })

    test("for another audience, for another cluster, for the relay, for relay and cluster, for nobody", async () => {
      const relay = `clusterconnect:${new URL(range().world.relayUrl).host}`
      const mine = `${relay}/${range().world.clusterName}`
      for (const audience of ["https://kubernetes.default.svc", `${relay}/edge-2`, relay, `${mine}/`])
        expect(await verdict(await mint({}, { audience }))).toEqual([401, "TokenAudienceRefused"])
      for (const audience of ["", []]) expect((await verdict(await mint({}, { audience })))[0]).toBe(401)
      expect(await verdict(await mint({}, { audience: [mine, relay] }))).toEqual([403, "RelayAudienceRefused"])
    })

    test("of an issuer that is spelled almost like ours", async () => {
      const { issuer } = range().world.identityProvider
      for (const iss of [`${issuer}/`, issuer.toUpperCase(), issuer.replace("https", "http"), "", undefined])
        expect((await verdict(await mint({ iss })))[0]).toBe(401)
    })

    test("with a JSON key twice, in the header or in the payload", async () => {
      const twice = (text: string, key: string, value: string) =>
        `{${JSON.stringify(key)}:${JSON.stringify(value)},${text.slice(1)}`
      const payload = twice(JSON.stringify(claims), "sub", "admin")
      expect(await verdict(signCompact(JSON.stringify(header), payload, "RS256", own.privateKey))).toEqual([
        401,
        "TokenDuplicateKey",
      ])
      const head = twice(JSON.stringify(header), "alg", "none")
      expect((await verdict(`${encoded(head)}.${encoded(claims)}.c2ln`))[0]).toBe(401)
    })

    test("the service account's own token, a token of the API server, rubbish, 64 KiB of it", async () => {
      const { authProxyAccount, cluster } = range().world
      const account = authProxyAccount.split(":").at(-1)!
      const own = (await cluster.admin(["create", "token", account, "-n", "clusterconnect"])).trim()
      expect((await verdict(own))[0]).toBe(401)
      for (const text of ["x", "a.b.c", "..", "a".repeat(17_000)]) expect((await verdict(text))[0]).toBe(401)
    })
  })

  test("S5: the relay refuses forged relay tokens before it asks an agent for anything", async () => {
    const there = await range().entrance()
    const dials = () => range().world.metric("agent", "clusterconnect_agent_dials_total")
    const dialsBefore = await dials()
    const [h, p] = there.relayToken.split(".")
    const cluster = await range().clusterToken()
    for (const relayToken of [`${encoded({ ...header, alg: "none" })}.${p}.`, `${h}.${p}.c2ln`, cluster, "x"]) {
      const refused = await dialRelay({ ...there, relayToken }).then(
        () => 101,
        (error: { readonly status?: number }) => error.status,
      )
      expect(refused).toBe(401)
    }
    // The agent has counted a good one that came later, so that it would have counted theirs.
    await range().connect()
    expect((await dials()) - dialsBefore).toBe(1)
  })
}
