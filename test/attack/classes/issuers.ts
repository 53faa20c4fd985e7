import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { createServer, type Server } from "node:https"
import type { AddressInfo, Socket } from "node:net"
import { Duration } from "effect"
import { unknownKeyCooldown } from "../../../identity/IssuerKeys.ts"
import { newSigningKeys, privateJwks, signCompact } from "../../../identity/testing/signingKeys.ts"
import { createAuthority } from "../../cluster/credentials/CertificateAuthority.ts"
import { eventually } from "../../world/eventually.ts"
import type { AttackRange } from "../range/AttackRange.ts"
import { causeOf, request } from "../range/requests.ts"

/** An identity provider that fails or is hostile costs its own users their access, and nobody else anything. */
export const issuers = (range: () => AttackRange): void => {
  let keys = newSigningKeys()
  const sockets = new Set<Socket>()
  let server: Server
  let caPem: string
  let url: string
  /** What the issuer answers for its keys. */
  let answer: Parameters<typeof createServer>[1] = (_, res) => void res.end()
  let fetches = 0

  const jwks = () => JSON.stringify({ keys: privateJwks(keys).map(({ d, p, q, dp, dq, qi, ...open }) => open) })
  const honest: typeof answer = (_, res) => void res.end(jwks())

  beforeAll(async () => {
    const host = range().world.cluster.outsideAddress
    const authority = await createAuthority("hostile issuer")
    const served = await authority.issue({ commonName: "issuer", servedAs: [host] })
    caPem = authority.certificatePem
    server = createServer({ cert: served.certificatePem, key: served.keyPem }, (req, res) => {
      res.on("error", () => {})
      if (req.url?.includes("openid-configuration"))
        return void res.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/keys` }))
      fetches += 1
      answer?.(req, res)
    })
    server.on("connection", (socket: Socket) => {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.once("close", () => sockets.delete(socket))
    })
    server.listen(0, host)
    await once(server, "listening")
    url = `https://${host}:${(server.address() as AddressInfo).port}`
  })
  afterEach(() => range().hangUp())
  afterAll(async () => {
    await range().second.configure()
    for (const socket of sockets) socket.destroy()
    server.close()
  })

  /** Makes the auth proxy know the issuer anew, beside the good one: what it had loaded before is forgotten. */
  const introduce = async () => {
    const audiences = [`clusterconnect:${new URL(range().world.relayUrl).host}/edge-2`]
    await range().second.configure()
    fetches = 0
    await range().second.configure({
      jwt: [
        range().second.jwt,
        {
          name: "hostile",
          issuer: { url, certificateAuthority: caPem, audiences },
          claimMappings: {
            username: { claim: "sub", prefix: "hostile:" },
            groups: { claim: "groups", prefix: "hostile:" },
          },
        },
      ],
    })
  }
  const token = (kid: string = keys.rsa.kid, key = keys.rsa.privateKey) => {
    const now = Math.floor(Date.now() / 1000)
    const aud = `clusterconnect:${new URL(range().world.relayUrl).host}/edge-2`
    const claims = { iss: url, sub: "eve", aud, iat: now, exp: now + 300, jti: randomUUID() }
    const made = signCompact(JSON.stringify({ alg: "RS256", kid, typ: "JWT" }), JSON.stringify(claims), "RS256", key)
    range().tokens.push(made)
    return made
  }
  const ask = async (shown: string) => {
    const { raw } = await range().connect(range().second.name)
    const { status, body } = await raw.ask(request("GET /api", { token: shown }))
    raw.leave()
    return [status, causeOf(body)] as const
  }
  const good = () => range().clusterToken({}, { cluster: range().second.name })

  describe("S6: an issuer that does not answer properly locks out its own users with a 503, within 10 s, and nobody else:", () => {
    test.each([
      ["redirects", (_, res) => void res.writeHead(302, { location: `${url}/elsewhere` }).end()],
      ["fails", (_, res) => void res.writeHead(500).end("no")],
      ["says rubbish", (_, res) => void res.end("<html>")],
      ["has no keys", (_, res) => void res.end('{"keys":[]}')],
      ["hangs up", (_, res) => void res.destroy()],
      ["never answers", () => {}],
      [
        "never ends",
        (_, res) => {
          res.write('{"keys":[')
          const block = " ".repeat(65_536)
          const more = () => {
            while (!res.destroyed && res.write(block));
          }
          res.on("drain", more)
          more()
        },
      ],
    ] as readonly (readonly [string, NonNullable<typeof answer>])[])("%s", async (_, hostile) => {
      answer = hostile
      await introduce()
      const started = performance.now()
      const [slow, fine] = await Promise.all([ask(token()), ask(await good())])
      expect(slow[0]).toBeGreaterThanOrEqual(401)
      expect(["IdentityProviderUnavailable", "TokenKeyUnknown"]).toContain(slow[1]!)
      expect(fine[0]).toBe(200)
      expect(performance.now() - started).toBeLessThan(10_000)
    })
  })

  test("S6: keys that were good stay good while the issuer is down, and forged ones stay bad", async () => {
    answer = honest
    await introduce()
    expect(await ask(token())).toEqual([200, undefined])
    answer = (_, res) => void res.destroy()
    const forger = newSigningKeys()
    // Makes the auth proxy look for new keys, in vain: what it had must not go with that.
    expect(await ask(token("unknown while it is down"))).toEqual([503, "IdentityProviderUnavailable"])
    expect(fetches).toBeGreaterThan(1)
    expect(await ask(token())).toEqual([200, undefined])
    expect((await ask(token(keys.rsa.kid, forger.rsa.privateKey)))[1]).toBe("TokenSignatureInvalid")
  })

  test("S6: a flood of unknown key ids makes the auth proxy fetch once, not once a token", async () => {
    answer = honest
    await introduce()
    expect((await ask(token()))[0]).toBe(200)
    const before = fetches
    const began = performance.now()
    const { raw } = await range().connect(range().second.name)
    for (let index = 0; index < 200; index += 1) {
      const { status } = await raw.ask(request("GET /api", { token: token(`unknown-${index}`) }))
      expect(status).toBe(401)
    }
    // Once in a cooldown: a loaded machine may need longer than one for 200 questions.
    const cooldowns = 1 + Math.floor((performance.now() - began) / Duration.toMillis(unknownKeyCooldown))
    expect(fetches - before).toBeLessThanOrEqual(cooldowns)
    expect((await ask(token()))[0]).toBe(200)
  })

  test("S6: after an issuer has changed its keys new tokens are accepted, and those of a withdrawn key are not", async () => {
    answer = honest
    await introduce()
    const old = keys
    expect((await ask(token()))[0]).toBe(200)
    keys = newSigningKeys()
    // A look that a loaded machine could not finish in its 5 s is an honest 503, and the next is 30 s later: time for several.
    await eventually("a token of the new key is accepted", 200_000, async () => {
      const seen = await ask(token())
      return seen[0] === 200 ? { done: undefined } : { seen }
    })
    expect(await ask(token(old.rsa.kid, old.rsa.privateKey))).toEqual([401, "TokenKeyUnknown"])
  }, 240_000)
}
