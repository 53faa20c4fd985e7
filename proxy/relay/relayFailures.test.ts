import { describe, expect, test } from "bun:test"
import { OutboundInvalid, RedirectRefused, type Stage, Unreachable, UpgradeRefused } from "../../platform/outbound.ts"
import { refusalResponse } from "../../protocol/status.ts"
import { NotAuthenticated, PathBroken, RefusedByPolicy } from "../failures.ts"
import { carrierRefusal, failureOfStreamEnd } from "./carrierRefusal.ts"
import { failureFromAnswer, relayFailure } from "./relayFailures.ts"

const relay = "https://relay.example"
const body = (code: number, hop: "relay" | "agent", cause: string, message: string) =>
  refusalResponse({ code, hop, cause, message }).body

describe("what the relay answers", () => {
  test("becomes a failure of its class that keeps hop and cause", () => {
    expect(failureFromAnswer(relay, 401, body(401, "relay", "TokenExpired", "expired"))).toBeInstanceOf(
      NotAuthenticated,
    )
    expect(failureFromAnswer(relay, 403, body(403, "relay", "NotAdmitted", "no"))).toBeInstanceOf(RefusedByPolicy)
    expect(failureFromAnswer(relay, 404, body(404, "relay", "NotAdmitted", "no"))).toBeInstanceOf(RefusedByPolicy)
    const gone = failureFromAnswer(relay, 503, body(503, "agent", "NoSession", "no agent"))
    expect(gone).toBeInstanceOf(PathBroken)
    expect(gone).toMatchObject({ hop: "agent", cause: "NoSession", detail: "no agent" })
  })
  test("in a form that is no relay's points at the URL, or at what is in between", () => {
    const failure = failureFromAnswer(relay, 502, "<html>bad gateway</html>")
    expect(failure).toMatchObject({ hop: "relay", cause: "UnexpectedAnswer" })
    expect(failure.message).toContain("answered 502")
    expect(failure.message).not.toContain("html")
  })
  test("is no verdict on the caller unless a relay wrote it: a captive portal's 401, a load balancer's 404", () => {
    for (const status of [401, 403, 404]) {
      const failure = failureFromAnswer(relay, status, "<html>who are you?</html>")
      expect(failure).toMatchObject({ _tag: "PathBroken", hop: "relay", cause: "UnexpectedAnswer" })
      // A live stream outlasts it.
      expect(carrierRefusal(failure).retriable).toBe(true)
    }
  })
  test("cannot turn its text around in a terminal", () => {
    const said = failureFromAnswer(relay, 503, body(503, "relay", "x", "a\u202eb\u2066c\u2028d\u009be")).message
    expect(said).toBe("a b c d e")
  })
  test("cannot speak for hops that it does not stand for, move a cursor or fill a terminal", () => {
    const failure = failureFromAnswer(
      relay,
      503,
      body(503, "api-server" as never, "x", `\u001b[2Jevil\n${"x".repeat(10_000)}`),
    )
    expect(failure.hop).toBe("relay")
    expect(failure.message).not.toContain("\u001b")
    expect(failure.message.length).toBeLessThan(1_100)
  })
})

describe("a relay that does not answer", () => {
  test("is named with the stage and a remedy", () => {
    for (const [stage, said] of [
      ["dns", "name service"],
      ["tcp", "HTTPS_PROXY"],
      ["proxy", "NO_PROXY"],
      ["tls", "--ca-file"],
      ["http", "HTTP"],
    ] as const) {
      const failure = relayFailure(
        relay,
        new Unreachable({ stage: stage satisfies Stage, target: "relay.example:443", detail: "d" }),
      )
      expect(failure).toMatchObject({ _tag: "PathBroken", hop: "relay", cause: `Unreachable-${stage}` })
      expect(failure.message).toContain(said)
    }
    expect(
      relayFailure(relay, new Unreachable({ stage: "tls", target: "r", detail: "d", code: "CERT_HAS_EXPIRED" }))
        .message,
    ).toContain("has expired")
  })
  test("a refused upgrade, a redirect, a wrong setting and anything else are told apart", () => {
    const refused = new UpgradeRefused({
      target: "r",
      status: 401,
      headers: {},
      body: body(401, "relay", "TokenExpired", "expired"),
      truncated: false,
    })
    expect(relayFailure(relay, refused)).toBeInstanceOf(NotAuthenticated)
    expect(relayFailure(relay, new RedirectRefused({ target: "r", status: 302 })).cause).toBe("RedirectRefused")
    expect(relayFailure(relay, new OutboundInvalid({ setting: "HTTPS_PROXY", detail: "d" })).hop).toBe("proxy")
    expect(relayFailure(relay, new Error("odd")).cause).toBe("CallFailed")
  })
})

describe("a carrier that does not open", () => {
  test("ends the stream on what is final, with a word that says why", () => {
    const final = [
      [new NotAuthenticated({ hop: "relay", cause: "TokenExpired", detail: "d" }), "relay-token-expired", 401],
      [new NotAuthenticated({ hop: "relay", cause: "x", detail: "d" }), "not-authenticated", 401],
      [new RefusedByPolicy({ hop: "relay", cause: "x", detail: "d" }), "revoked", 403],
    ] as const
    for (const [failure, code, status] of final) {
      expect(carrierRefusal(failure)).toMatchObject({ code, status, retriable: false })
      expect(failureOfStreamEnd(code)?._tag).toBe(failure._tag)
    }
  })
  test("for want of a token is dialled again, and says why in its own words", () => {
    const situation = { hop: "identity-provider", cause: "TokenCommandFailed", detail: "it ended with 3" } as const
    const refusal = carrierRefusal(new NotAuthenticated({ ...situation, notAsked: true }))
    expect(refusal).toMatchObject({ status: 503, retriable: true, code: "no-token", message: "it ended with 3" })
    expect(failureOfStreamEnd(refusal.code)).toBeUndefined()
    // The same word from the relay is its refusal.
    expect(carrierRefusal(new NotAuthenticated(situation)).retriable).toBe(false)
  })
  test("is dialled again on the rest; an instance that is gone has the stream's own word", () => {
    const broken = (cause: string) => carrierRefusal(new PathBroken({ hop: "agent", cause, detail: "d" }))
    expect(broken("NoSession")).toMatchObject({ status: 503, retriable: true, code: "path-broken" })
    expect(broken("instance")).toMatchObject({ retriable: true, code: "auth-proxy-gone" })
    expect(failureOfStreamEnd("hold-expired")).toBeUndefined()
  })
})
