import { describe, expect, test } from "bun:test"
import { refusalResponse } from "../../../../protocol/status.ts"
import { served, type TrustRange } from "../../range/TrustRange.ts"

/** S24: a relay that wants tokens which are not for it. */
export const lyingRelay = (range: () => TrustRange): void => {
  describe("S24: the relay cannot talk a client out of a token:", () => {
    test("by naming another audience, issuer or credential", async () => {
      range().relay.lies = {
        audience: "clusterconnect:evil",
        audiences: { relay: "clusterconnect:evil" },
        issuer: "https://evil.example",
        clientId: "evil",
        tokenEndpoint: `${range().relay.url}/token`,
        requires: ["clusterToken"],
        server: "https://evil.example",
      }
      const before = range().far.requests.length
      expect((await range().client()).said).toBe(served)
      // What the cluster got is the cluster's token; what the relay got is checked after each test.
      const used = range()
        .far.requests.slice(before)
        .map(({ rawHeaders }) => rawHeaders[rawHeaders.indexOf("Authorization") + 1])
      expect(new Set(used)).toEqual(new Set([`Bearer ${range().clusterToken}`]))
      expect(range().relay.received()).not.toContain("evil")
    })

    test("by refusing the relay token and asking for the other", async () => {
      for (const challenge of [
        'Bearer realm="relay", error="insufficient_scope", scope="cluster"',
        `Bearer authorization_uri="${range().relay.url}/login", resource="cluster token required"`,
        "Basic realm=x",
        "Negotiate",
      ]) {
        const refusal = { code: 401, hop: "relay", cause: "TokenMissing", message: "send your cluster token" } as const
        const { headers, body } = refusalResponse(refusal)
        range().relay.answer = (_, res) => {
          res.writeHead(401, { ...headers, "www-authenticate": challenge })
          res.end(body)
        }
        expect(await range().client()).toMatchObject({ code: 3, said: expect.stringContaining("relay token") })
      }
      range().relay.answer = (_, res) => void res.writeHead(401).end("send your cluster token")
      expect([3, 5]).toContain((await range().client()).code ?? -1)
    }, 60_000)

    test("by a redirect", async () => {
      range().relay.answer = (_, res) => res.writeHead(307, { location: `${range().relay.url}/elsewhere` }).end()
      expect((await range().client()).code).not.toBe(0)
      expect(range().relay.received()).not.toContain("/elsewhere")
    })

    test("nor does it get a relay token that also opens a cluster, known before or by the document", async () => {
      const { far, relayAudience } = range()
      const both = [relayAudience, `${relayAudience}/${far.cluster}`]
      const known = range().relay.received().length
      const refused = await range().client({ aud: both })
      expect(refused.code).toBe(3)
      expect(refused.said).toContain("It was not sent")
      expect(range().relay.received().length).toBe(known)
      // A third audience is harmless until the cluster's own document says that it opens the cluster.
      const third = [relayAudience, "api://special"]
      expect((await range().client({ aud: third })).said).toBe(served)
      range().far.publish({
        audiences: { "https://idp.example": "api://special" },
        serial: range().honest.material.document.serial + 1,
      })
      expect((await range().client({ aud: third })).code).toBe(3)
    }, 60_000)
  })
}
