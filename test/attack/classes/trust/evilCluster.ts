import { describe, expect, test } from "bun:test"
import { jwt } from "../../../../proxy/testing/FarEnd.ts"
import { askLocally } from "../../range/askLocally.ts"
import { served, type TrustRange } from "../../range/TrustRange.ts"

/** S29: a cluster that has the pinned identity and turned evil. */
export const evilCluster = (range: () => TrustRange): void => {
  describe("S29: a cluster that turned evil", () => {
    const issuer = "https://idp.example"

    test("gets no token that is another cluster's, whatever its document names, or if it names nothing", async () => {
      const others = `${range().relayAudience}/another`
      const before = range().far.requests.length
      const own = `${range().relayAudience}/${range().far.cluster}`
      for (const [audiences, aud] of [
        [{ [issuer]: others }, others],
        [{ [issuer]: own }, [own, others]],
        [{}, others],
      ] as const) {
        range().far.publish({ audiences })
        const { code, said } = await range().client({ token: jwt({ aud }) })
        expect([code, said]).toEqual([3, expect.stringContaining("not sent")])
      }
      expect(range().far.requests.length).toBe(before)
    }, 60_000)

    test("does not keep the relay token from other clusters by naming an audience of it", async () => {
      const home = range().newHome()
      const aud = [range().relayAudience, "account"]
      range().far.publish({ audiences: { [issuer]: "account" }, serial: range().honest.material.document.serial + 1 })
      const { code, said } = await range().client({ home, aud })
      expect([code, said]).toEqual([3, expect.stringContaining(`cluster ${range().far.cluster}`)])
      // Nothing of it is remembered.
      range().beHonest()
      expect((await range().client({ home, aud })).said).toBe(served)
    }, 60_000)

    test("does not end the user's proxy, and every session in it, by what it answers", async () => {
      const { handle, handleUpgrade } = range().far
      const heads = ["099 X", "000 X", "101 X", "600 X", "999 X", "200 a\x01b", "403 a\0b", "404 a\x7fb", "200 \xff"]
      const meanwhile = async (kubeconfig: string) => {
        for (const head of heads) {
          // The last on its connection: the server of this far end does not know that the request was answered.
          const bytes = `HTTP/1.1 ${head}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`
          range().far.handle = (req) => void req.socket.end(bytes, "latin1")
          range().far.handleUpgrade = (_req, socket) => void socket.end(bytes, "latin1")
          const status = /^[2-5]/.test(head) ? Number(head.slice(0, 3)) : 502
          for (const headers of [{}, { connection: "Upgrade", upgrade: "SPDY/3.1" }])
            expect([head, (await askLocally(kubeconfig, "/api", headers)).status]).toEqual([head, status])
        }
        Object.assign(range().far, { handle, handleUpgrade })
        expect((await askLocally(kubeconfig, "/api")).status).toBe(200)
      }
      expect((await range().client({ meanwhile })).said).toBe(served)
    }, 60_000)
  })
}
