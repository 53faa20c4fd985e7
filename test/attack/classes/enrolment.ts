import { beforeAll, describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { connectWebSocket, requestJson, UpgradeRefused } from "../../../platform/outbound.ts"
import { joinProof, operatorSignature } from "../../../protocol/enrolment.ts"
import { jwkOf } from "../../../protocol/keys.ts"
import { type ClusterMaterial, newMaterial } from "../../../protocol/material.ts"
import { nonceHeader, path, signatureHeader, streamProtocol } from "../../../protocol/names.ts"
import { TestAgent } from "../../../relay/testing/TestAgent.ts"
import { publicUrl } from "../../../relay/testing/TestRelay.ts"
import { eventually } from "../../world/eventually.ts"
import type { AttackRange } from "../range/AttackRange.ts"
import { type EnrolmentRelay, startEnrolmentRelay } from "../range/EnrolmentRelay.ts"
import { causeOf } from "../range/requests.ts"

const material = (cluster: string): Promise<ClusterMaterial> =>
  newMaterial({ cluster, relayUrl: publicUrl, audiences: {}, rootDays: 2, leafDays: 1, now: new Date() })

/** Whoever could enrol as a cluster would get its users' connections. The relay is a real one; what it must not believe is the test's. */
export const enrolment = (range: () => AttackRange): void => {
  let relay: EnrolmentRelay
  beforeAll(async () => {
    relay = await startEnrolmentRelay(range())
  })

  const join = async (cluster: string, token: string, of: ClusterMaterial, change: Record<string, unknown> = {}) => {
    const proof = joinProof(of.identityKey, { relayUrl: publicUrl, cluster, token })
    const { status, text, body } = await requestJson(`${relay.http}${path.join}`, {
      body: { cluster, token, document: of.signedDocument, proof, ...change },
    })
    return status === 200 ? String((body as { outcome: string }).outcome) : (causeOf(text) ?? String(status))
  }
  const joined = async (cluster: string): Promise<ClusterMaterial> => {
    const made = await material(cluster)
    expect(await join(cluster, await relay.joinToken(cluster), made)).toBe("joined")
    return made
  }

  test("S15: 50 different keys with one token at the same moment: one success, and that one is registered", async () => {
    const token = await relay.joinToken("raced")
    const rivals = await Promise.all(Array.from({ length: 50 }, () => material("raced")))
    const outcomes = await Promise.all(rivals.map((rival) => join("raced", token, rival)))
    expect(outcomes.filter((outcome) => outcome === "joined")).toHaveLength(1)
    expect(new Set(outcomes)).toEqual(new Set(["joined", "JoinTokenSpent"]))
    const winner = rivals[outcomes.indexOf("joined")]!
    expect(await relay.command("cluster", "show", "raced")).toContain(jwkOf(winner.document.identityKey).x)
    // The answer may have been lost: the same key may ask again, another may not.
    expect(await join("raced", token, winner)).toBe("registered")
    expect(await join("raced", token, rivals[outcomes.indexOf("JoinTokenSpent")]!)).toBe("JoinTokenSpent")
  })

  test("S15: 50 parallel joins of one key are one registration", async () => {
    const token = await relay.joinToken("repeated")
    const mine = await material("repeated")
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => join("repeated", token, mine)))
    expect(outcomes.filter((outcome) => outcome === "joined")).toHaveLength(1)
    expect(new Set(outcomes)).toEqual(new Set(["joined", "registered"]))
  })

  describe("S15: a join is refused", () => {
    test("with an expired token, an unknown one, one of another cluster, an empty one", async () => {
      const mine = await material("late")
      const expired = await relay.joinToken("late", "--seconds", "1")
      // Whom the token is not for may ask as often as they like: it is not spent by that, and goes when its time is over.
      await eventually("the token to expire", 10_000, async () => {
        const shown = await relay.command("token", "list")
        const [about] = (JSON.parse(shown) as { tokens: { cluster: string; expiresAt: string }[] }).tokens.filter(
          ({ cluster }) => cluster === "late",
        )
        const isOver = about === undefined || Date.parse(about.expiresAt) < Date.now()
        return isOver ? { done: true } : { seen: about }
      })
      expect(["JoinTokenExpired", "JoinTokenUnknown"]).toContain(await join("late", expired, mine))
      expect(await join("late", await relay.joinToken("somebody"), mine)).toBe("JoinTokenForOtherCluster")
      expect(await join("late", "ccjoin_unknown", mine)).toBe("JoinTokenUnknown")
      expect(await join("late", "", mine)).toBe("JoinTokenUnknown")
    })

    test("with a proof by another key, for another token, cluster or relay, or a replayed one", async () => {
      const [mine, other] = [await material("proof"), await material("proof")]
      const token = await relay.joinToken("proof")
      const proofs = [
        joinProof(other.identityKey, { relayUrl: publicUrl, cluster: "proof", token }),
        joinProof(mine.identityKey, { relayUrl: publicUrl, cluster: "proof", token: "another" }),
        joinProof(mine.identityKey, { relayUrl: publicUrl, cluster: "another", token }),
        joinProof(mine.identityKey, { relayUrl: "https://evil.example", cluster: "proof", token }),
      ]
      for (const proof of proofs) expect(await join("proof", token, mine, { proof })).toBe("JoinProofWrong")
      expect(await join("proof", token, other, { document: mine.signedDocument })).toBe("JoinProofWrong")
      expect(await join("proof", token, mine)).toBe("joined")
    })

    test("for a name that has another identity, unless the token may replace it", async () => {
      await joined("taken")
      const intruder = await material("taken")
      expect(await join("taken", await relay.joinToken("taken"), intruder)).toBe("ClusterHasIdentity")
      expect(await join("taken", await relay.joinToken("taken", "--replace"), intruder)).toBe("joined")
    })

    test("and the tokens are at rest only as hashes", async () => {
      const token = await relay.joinToken("at-rest")
      expect(readFileSync(relay.database).includes(token)).toBe(false)
      expect(readFileSync(`${relay.database}-wal`).includes(token)).toBe(false)
      expect(readFileSync(relay.auditLog, "utf8")).not.toContain(token)
    })
  })

  describe("S16: an agent of cluster A", () => {
    /** What the relay says to a hello. */
    const hello = async (
      build: (agent: TestAgent, nonce: string) => Parameters<TestAgent["send"]>[0],
    ): Promise<string> => {
      const agent = await TestAgent.connect(relay.ws)
      const { nonce } = await agent.challenge()
      agent.send(build(agent, nonce))
      const answer = await agent.messages.next()
      agent.socket.terminate()
      return answer.type === "refused" ? answer.cause : answer.type
    }

    test("cannot open a control session of B with its own key, document or both", async () => {
      const [a, b] = [await joined("agent-a"), await joined("agent-b")]
      const stolen = { document: b.signedDocument }
      expect(await hello((agent, nonce) => agent.hello({ nonce }, a, "x"))).toBe("welcome")
      expect(await hello((agent, nonce) => agent.hello({ nonce }, a, "x", { cluster: "agent-b" }))).toBe(
        "DocumentRefused",
      )
      expect(await hello((agent, nonce) => agent.hello({ nonce }, a, "x", { cluster: "agent-b", ...stolen }))).toBe(
        "SessionKeyNotListed",
      )
      expect(await hello((agent, nonce) => agent.hello({ nonce }, b, "x", { cluster: "agent-a" }))).toBe(
        "DocumentRefused",
      )
      const forged = await newMaterial({
        ...{ cluster: "agent-b", relayUrl: publicUrl, audiences: {}, rootDays: 2, leafDays: 1, now: new Date() },
        identityKey: a.identityKey,
      })
      expect(await hello((agent, nonce) => agent.hello({ nonce }, forged, "x"))).toBe("IdentityNotRegistered")
    })

    test("cannot replay the answer to a challenge, its own or another's", async () => {
      const a = await joined("replayed")
      let sent: ReturnType<TestAgent["hello"]> | undefined
      const first = await hello((agent, nonce) => {
        sent = agent.hello({ nonce }, a, "x")
        return sent
      })
      expect(first).toBe("welcome")
      expect(await hello(() => sent!)).toBe("ChallengeAnswerWrong")
      expect(await hello((agent, nonce) => agent.hello({ nonce }, a, "x", { instance: "y" }))).toBe(
        "ChallengeAnswerWrong",
      )
    })

    test("cannot pick up a stream of B, and nobody can pick one up twice", async () => {
      const [a, b] = [await joined("serves-a"), await joined("serves-b")]
      const [agentA, agentB] = [await TestAgent.open(relay.ws, a), await TestAgent.open(relay.ws, b)]
      const user = connectWebSocket(`${relay.ws}${path.stream("serves-b")}`, {
        protocols: [streamProtocol],
        headers: { authorization: `Bearer ${await relay.relayToken()}` },
      })
      const dial = await agentB.dial()
      const status = (half: Promise<unknown>) =>
        half.then(
          () => 101,
          (error) => (error instanceof UpgradeRefused ? error.status : String(error)),
        )
      expect(await status(agentA.pickUp(dial))).toBe(403)
      expect(await status(agentA.pickUp(dial, "guessed"))).toBe(403)
      expect(await status(agentB.pickUp({ ticket: "guessed" }))).toBe(403)
      const half = await agentB.pickUp(dial)
      expect(await status(agentB.pickUp(dial))).toBe(403)
      const carrier = await user
      carrier.terminate()
      half.terminate()
      for (const agent of [agentA, agentB]) agent.socket.terminate()
    })

    test("cannot publish, ask or deregister in the name of B, nor replay what B did", async () => {
      const [a, b] = [await joined("calls-a"), await joined("calls-b")]
      const nonce = async () =>
        ((await requestJson(`${relay.http}${path.challenge}`, { method: "POST" })).body as { nonce: string }).nonce
      const call = async (
        method: "GET" | "DELETE" | "PUT",
        target: string,
        key: ClusterMaterial,
        given?: string,
        body = "",
      ) => {
        const used = given ?? (await nonce())
        const about = {
          nonce: used,
          relayUrl: publicUrl,
          cluster: "calls-b",
          method,
          path: target,
          body: Buffer.from(body),
        }
        const answer = await requestJson(`${relay.http}${target}`, {
          method,
          headers: {
            [nonceHeader]: used,
            [signatureHeader]: operatorSignature(key.identityKey, about),
            "content-type": "text/plain",
          },
          ...(body === "" ? {} : { body }),
        })
        return answer.status
      }
      const used = await nonce()
      expect(await call("GET", path.sessions("calls-b"), b, used)).toBe(200)
      expect(await call("GET", path.sessions("calls-b"), b, used)).toBe(403)
      expect(await call("GET", path.sessions("calls-b"), a)).toBe(403)
      expect(await call("GET", path.sessions("calls-b"), b, "invented")).toBe(403)
      expect(await call("DELETE", path.registration("calls-b"), a)).toBe(403)
      const forged = await newMaterial({
        ...{ cluster: "calls-b", relayUrl: publicUrl, audiences: {}, rootDays: 2, leafDays: 1, now: new Date() },
        identityKey: a.identityKey,
      })
      expect(await call("PUT", path.document("calls-b"), a, undefined, forged.signedDocument)).toBe(403)
      expect(await relay.command("cluster", "show", "calls-b")).toContain(jwkOf(b.document.identityKey).x)
    })
  })
}
