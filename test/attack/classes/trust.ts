import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import type { KeyObject } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { successionSignature } from "../../../protocol/document.ts"
import { newKey, type Pin, pinOf, spkiOf } from "../../../protocol/keys.ts"
import { refusalResponse } from "../../../protocol/status.ts"
import { FarEnd, jwt } from "../../../proxy/testing/FarEnd.ts"
import { type Home, ProxyProcess } from "../../../proxy/testing/ProxyProcess.ts"
import { askLocally } from "../range/askLocally.ts"
import { type LyingRelay, startLyingRelay } from "../range/LyingRelay.ts"

const served = "it serves"

interface ClientOptions {
  readonly home?: string
  /** Of the relay token. */
  readonly aud?: unknown
  /** In place of the cluster's own. */
  readonly token?: string
  readonly pin?: Pin
  readonly args?: readonly string[]
  /** While it serves, with this kubeconfig. */
  readonly meanwhile?: (kubeconfig: string) => Promise<void>
}

/**
 * The client believes the relay nothing about who the cluster is, nor about where its tokens belong; and a cluster that is truly itself
 * gets nothing but what belongs to it. The client is real, the relay and the cluster are the test's.
 */
export const trust = (): void => {
  let far: FarEnd
  let relay: LyingRelay
  let folder: string
  let clusterToken: string
  let honest: Pick<FarEnd, "material" | "document">

  beforeAll(async () => {
    far = await FarEnd.start()
    relay = await startLyingRelay(far)
    far.publish({ relayUrl: relay.url })
    honest = { material: far.material, document: far.document }
    folder = mkdtempSync(join(tmpdir(), "clusterconnect-attack-"))
    clusterToken = jwt({ aud: `clusterconnect:${new URL(relay.url).host}/${far.cluster}`, jti: "cluster" })
  })
  afterEach(() => {
    Object.assign(far, honest)
    relay.answer = undefined
    relay.lies = {}
    // In no test may the relay get the token for the cluster, or any part of it.
    for (const part of clusterToken.split(".").slice(1, 2)) expect(relay.received()).not.toContain(part)
  })
  afterAll(async () => {
    await relay.stop()
    await far.stop()
    rmSync(folder, { recursive: true })
  })

  const newHome = () => mkdtempSync(join(folder, "home-"))
  /** What the real client says until it serves or ends. */
  const client = async (options: ClientOptions = {}) => {
    const home = options.home ?? newHome()
    const file = (name: string, text: string) => {
      writeFileSync(join(home, name), text, { mode: 0o600 })
      return join(home, name)
    }
    const aud = options.aud ?? `clusterconnect:${new URL(relay.url).host}`
    const proxy = new ProxyProcess({ path: home } as Home, [
      ...["proxy", far.cluster, "--relay", relay.url, "--pin", options.pin ?? honest.material.pin],
      ...[
        "--token-file",
        file("token", options.token ?? clusterToken),
        "--relay-token-file",
        file("relay-token", jwt({ aud })),
      ],
      ...["--file", join(home, "kubeconfig"), ...(options.args ?? [])],
    ])
    const ready = proxy.ready().then(
      () => served,
      () => proxy.stderr,
    )
    const said = await ready
    if (said === served) {
      await options.meanwhile?.(join(home, "kubeconfig"))
      await proxy.stop()
    }
    return { said, code: said === served ? 0 : await proxy.exited }
  }

  test("S22: the honest cluster is served, else the refusals below would prove nothing", async () => {
    expect((await client()).said).toBe(served)
  })

  describe("S22: refused, with exit code 4 and before anything is sent to it:", () => {
    test("another identity key, though its document is well signed", async () => {
      const identityKey = newKey()
      far.publish({ identityKey: spkiOf(identityKey), serial: 2_000_000_000 }, identityKey)
      const { code, said } = await client()
      expect(code).toBe(4)
      expect(said).toContain("HAS CHANGED")
      expect((await client({ pin: pinOf(spkiOf(identityKey)) })).said).not.toContain("HAS CHANGED")
    })

    test("a succession that the pinned key never signed", async () => {
      const [identityKey, key] = [newKey(), spkiOf(honest.material.identityKey)]
      const forged = { key, signature: Buffer.alloc(64).toString("base64url") }
      far.publish({ identityKey: spkiOf(identityKey), previousIdentity: forged, serial: 2_000_000_000 }, identityKey)
      expect((await client()).code).toBe(4)
    })

    test("a replaced identity in a new document by whoever has its key, or a successor that only this one names", async () => {
      const home = newHome()
      const old = honest.material.identityKey
      expect((await client({ home })).said).toBe(served)
      const next = newKey()
      const succession = (to: KeyObject) => ({
        identityKey: spkiOf(to),
        previousIdentity: { key: spkiOf(old), signature: successionSignature(old, spkiOf(to)) },
      })
      const { serial } = honest.material.document
      far.publish({ ...succession(next), serial: serial + 1 }, next)
      expect((await client({ home })).said).toBe(served)
      Object.assign(far, honest)
      far.publish({ serial: 2_000_000_000 })
      // The pin of the profile, of a variable, of CI: still the old one, or the new one.
      for (const pin of [honest.material.pin, pinOf(spkiOf(next))]) {
        const { code, said } = await client({ home, pin })
        expect([code, said]).toEqual([4, expect.stringContaining("has signed a successor")])
      }
      const thiefs = newKey()
      far.publish({ ...succession(thiefs), serial: 2_000_000_001 }, thiefs)
      expect((await client({ home })).code).toBe(4)
      // And the cluster as it is now is served to a client that is still given the old pin.
      Object.assign(far, honest)
      far.publish({ ...succession(next), serial: serial + 1 }, next)
      expect((await client({ home })).said).toBe(served)
    }, 60_000)

    test("an older document than the one seen before", async () => {
      const home = newHome()
      far.publish({ serial: honest.material.document.serial + 10 })
      expect((await client({ home })).said).toBe(served)
      Object.assign(far, honest)
      const { code, said } = await client({ home })
      expect(code).toBe(4)
      expect(said).toContain("SerialLower")
    })

    test("a document of another cluster or for another relay, a changed one, none", async () => {
      far.publish({ clusterName: "another" })
      expect((await client()).code).toBe(4)
      Object.assign(far, honest)
      far.publish({ relayUrl: "https://another.example" })
      expect((await client()).code).toBe(4)
      const [payload = "", signature = ""] = honest.document.split(".")
      const changed = Buffer.from(payload, "base64url").toString().replace('"serial":1', '"serial":2')
      for (const document of [`${Buffer.from(changed).toString("base64url")}.${signature}`, `${payload}.`, "x"]) {
        far.document = document
        expect((await client()).code).toBe(4)
      }
    }, 60_000)
  })

  test("S22: a certificate that is not under the document's roots, or for another cluster, ends before the token is sent", async () => {
    await far.rotate(false)
    const before = far.requests.length
    const unrooted = await client()
    expect([unrooted.code === 0, unrooted.said === served]).toEqual([false, false])
    await far.serveAs("another")
    expect((await client()).code).not.toBe(0)
    expect(far.requests.length).toBe(before)
    await far.serveAs(far.cluster)
    expect((await client()).said).toBe(served)
  }, 60_000)

  describe("S24: the relay cannot talk a client out of a token:", () => {
    test("by naming another audience, issuer or credential", async () => {
      relay.lies = {
        audience: "clusterconnect:evil",
        audiences: { relay: "clusterconnect:evil" },
        issuer: "https://evil.example",
        clientId: "evil",
        tokenEndpoint: `${relay.url}/token`,
        requires: ["clusterToken"],
        server: "https://evil.example",
      }
      const before = far.requests.length
      expect((await client()).said).toBe(served)
      // What the cluster got is the cluster's token; what the relay got is checked after each test.
      const used = far.requests
        .slice(before)
        .map(({ rawHeaders }) => rawHeaders[rawHeaders.indexOf("Authorization") + 1])
      expect(new Set(used)).toEqual(new Set([`Bearer ${clusterToken}`]))
      expect(relay.received()).not.toContain("evil")
    })

    test("by refusing the relay token and asking for the other", async () => {
      for (const challenge of [
        'Bearer realm="relay", error="insufficient_scope", scope="cluster"',
        `Bearer authorization_uri="${relay.url}/login", resource="cluster token required"`,
        "Basic realm=x",
        "Negotiate",
      ]) {
        const refusal = { code: 401, hop: "relay", cause: "TokenMissing", message: "send your cluster token" } as const
        const { headers, body } = refusalResponse(refusal)
        relay.answer = (_, res) => {
          res.writeHead(401, { ...headers, "www-authenticate": challenge })
          res.end(body)
        }
        expect(await client()).toMatchObject({ code: 3, said: expect.stringContaining("relay token") })
      }
      relay.answer = (_, res) => void res.writeHead(401).end("send your cluster token")
      expect([3, 5]).toContain((await client()).code ?? -1)
    }, 60_000)

    test("by a redirect", async () => {
      relay.answer = (_, res) => res.writeHead(307, { location: `${relay.url}/elsewhere` }).end()
      expect((await client()).code).not.toBe(0)
      expect(relay.received()).not.toContain("/elsewhere")
    })

    test("nor does it get a relay token that also opens a cluster, known before or by the document", async () => {
      const host = new URL(relay.url).host
      const both = [`clusterconnect:${host}`, `clusterconnect:${host}/${far.cluster}`]
      const known = relay.received().length
      const refused = await client({ aud: both })
      expect(refused.code).toBe(3)
      expect(refused.said).toContain("It was not sent")
      expect(relay.received().length).toBe(known)
      // A third audience is harmless until the cluster's own document says that it opens the cluster.
      const third = [`clusterconnect:${host}`, "api://special"]
      expect((await client({ aud: third })).said).toBe(served)
      far.publish({
        audiences: { "https://idp.example": "api://special" },
        serial: honest.material.document.serial + 1,
      })
      expect((await client({ aud: third })).code).toBe(3)
    }, 60_000)
  })

  describe("S29: a cluster that turned evil", () => {
    const host = () => new URL(relay.url).host
    const issuer = "https://idp.example"

    test("gets no token that is another cluster's, whatever its document names, or if it names nothing", async () => {
      const others = `clusterconnect:${host()}/another`
      const before = far.requests.length
      const own = `clusterconnect:${host()}/${far.cluster}`
      for (const [audiences, aud] of [
        [{ [issuer]: others }, others],
        [{ [issuer]: own }, [own, others]],
        [{}, others],
      ] as const) {
        far.publish({ audiences })
        const { code, said } = await client({ token: jwt({ aud }) })
        expect([code, said]).toEqual([3, expect.stringContaining("not sent")])
      }
      expect(far.requests.length).toBe(before)
    }, 60_000)

    test("does not keep the relay token from other clusters by naming an audience of it", async () => {
      const home = newHome()
      const aud = [`clusterconnect:${host()}`, "account"]
      far.publish({ audiences: { [issuer]: "account" }, serial: honest.material.document.serial + 1 })
      const { code, said } = await client({ home, aud })
      expect([code, said]).toEqual([3, expect.stringContaining(`cluster ${far.cluster}`)])
      // Nothing of it is remembered.
      Object.assign(far, honest)
      expect((await client({ home, aud })).said).toBe(served)
    }, 60_000)

    test("does not end the user's proxy, and every session in it, by what it answers", async () => {
      const { handle, handleUpgrade } = far
      const heads = ["099 X", "000 X", "101 X", "600 X", "999 X", "200 a\x01b", "403 a\0b", "404 a\x7fb", "200 \xff"]
      const meanwhile = async (kubeconfig: string) => {
        for (const head of heads) {
          // The last on its connection: the server of this far end does not know that the request was answered.
          const bytes = `HTTP/1.1 ${head}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`
          far.handle = (req) => void req.socket.end(bytes, "latin1")
          far.handleUpgrade = (_req, socket) => void socket.end(bytes, "latin1")
          const status = /^[2-5]/.test(head) ? Number(head.slice(0, 3)) : 502
          for (const headers of [{}, { connection: "Upgrade", upgrade: "SPDY/3.1" }])
            expect([head, (await askLocally(kubeconfig, "/api", headers)).status]).toEqual([head, status])
        }
        Object.assign(far, { handle, handleUpgrade })
        expect((await askLocally(kubeconfig, "/api")).status).toBe(200)
      }
      expect((await client({ meanwhile })).said).toBe(served)
    }, 60_000)
  })
}
