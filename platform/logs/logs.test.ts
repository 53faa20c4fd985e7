import { describe, expect, test } from "bun:test"
import { Effect } from "effect"
import { logAt, logLayer, makeLog, namesSecret, redact } from "../logs.ts"

const jwt = `${Buffer.from('{"alg":"RS256"}').toString("base64url")}.${Buffer.from('{"sub":"alice"}').toString("base64url")}.c2lnbmF0dXJl`

const written = () => {
  const lines: string[] = []
  return {
    lines,
    write: (line: string) => void lines.push(line),
    now: () => new Date(0),
    parsed: () => lines.map((line) => JSON.parse(line)),
  }
}

describe("redaction", () => {
  test.each([
    ["a bearer token", "Authorization: Bearer abcdef123456", "abcdef123456"],
    ["a bearer token in another case", "bearer abcdef123456", "abcdef123456"],
    ["basic credentials", "Proxy-Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"],
    ["a JWT", `the token ${jwt} was refused`, jwt.split(".")[1] ?? ""],
    ["a JWT without its signature", jwt.split(".").slice(0, 2).join("."), jwt.split(".")[1] ?? ""],
    ["a bearer subprotocol", "base64url.bearer.authorization.k8s.io.QUJDREVG", "QUJDREVG"],
    ["a private key", "-----BEGIN PRIVATE KEY-----\nMIGHAgEA\n-----END PRIVATE KEY-----", "MIGHAgEA"],
    ["a private key that was cut", "-----BEGIN EC PRIVATE KEY-----\nMIGHAgEA", "MIGHAgEA"],
    ["a proxy password", "http://me:hunter2@proxy:3128", "hunter2"],
    ["a join token", "join token: Zm9vYmFyYmF6cXV4", "Zm9vYmFyYmF6cXV4"],
    ["a token in a query", "/v1/join?token=Zm9vYmFyYmF6cXV4&x=1", "Zm9vYmFyYmF6cXV4"],
    ["a prefixed secret", "ccjoin_Zm9vYmFyYmF6cXV4MTIz", "Zm9vYmFyYmF6cXV4MTIz"],
  ])("removes %s", (_, text, secret) => {
    expect(text).toContain(secret)
    expect(redact(text)).not.toContain(secret)
  })

  test.each([
    "the relay token expired",
    "cluster edge-1 joined",
    "sha256:abcdef0123456789",
    "https://relay.example/v1/clusters",
  ])("leaves %p alone", (text) => expect(redact(text)).toBe(text))

  test.each([
    "authorization",
    "Authorization",
    "token",
    "relayToken",
    "join-token",
    "clusterconnect-ticket",
    "cookie",
    "client_secret",
  ])("withholds a field named %p", (key) => expect(namesSecret(key)).toBe(true))

  test.each(["tokenId", "cluster", "sessionKeyId", "keys"])("shows a field named %p", (key) =>
    expect(namesSecret(key)).toBe(false),
  )
})

describe("a log line", () => {
  test("is one JSON object with time, level, message, program and fields", () => {
    const out = written()
    makeLog({ program: "relay", ...out }).info("agent connected", { cluster: "edge-1", sessions: 2 })
    expect(out.lines).toEqual([
      '{"time":"1970-01-01T00:00:00.000Z","level":"info","message":"agent connected","program":"relay","cluster":"edge-1","sessions":2}\n',
    ])
  })

  test("holds no secret, however deep and in whatever field", () => {
    const out = written()
    const log = makeLog({ program: "relay", ...out }).with({ peer: "x" })
    log.warn(`refused Bearer ${jwt}`, {
      headers: { Authorization: "Bearer abc.def", list: [`Bearer ${jwt}`] },
      error: new Error(`bad token ${jwt}`),
      map: new Map([["token", "plain"]]),
      key: new Uint8Array([1, 2, 3]),
      [`${jwt}`]: 1,
    })
    const [line] = out.lines
    for (const secret of [jwt.split(".")[1] ?? "", "abc.def", "plain"]) expect(line).not.toContain(secret)
    expect(out.parsed()[0]).toMatchObject({ peer: "x", key: "[3 bytes]" })
  })

  test("cannot be made to look like another one", () => {
    const out = written()
    makeLog({ program: "relay", ...out }).info("one\ntwo", { level: "error", program: "evil", message: "m" })
    expect(out.lines).toHaveLength(1)
    expect(out.lines[0]?.trim().split("\n")).toHaveLength(1)
    expect(out.parsed()[0]).toMatchObject({
      level: "info",
      program: "relay",
      "field.level": "error",
      "field.program": "evil",
    })
  })

  test("is not written below the level", () => {
    const out = written()
    const log = makeLog({ program: "relay", level: "warn", ...out })
    log.debug("d")
    log.info("i")
    log.warn("w")
    log.error("e")
    expect(out.parsed().map(({ level }) => level)).toEqual(["warn", "error"])
  })

  test("survives values that JSON cannot hold", () => {
    const out = written()
    const circle: Record<string, unknown> = {}
    circle.self = circle
    makeLog({ program: "relay", ...out }).info("odd", {
      circle,
      big: 10n,
      f: () => 1,
      date: new Date(Number.NaN),
      long: "x".repeat(100_000),
    })
    expect(out.parsed()[0]).toMatchObject({ big: "10", f: "[function]", date: "invalid date" })
    expect(out.lines[0]?.length).toBeLessThan(20_000)
  })

  test("as text moves no cursor", () => {
    const out = written()
    makeLog({ program: "proxy", format: "text", ...out }).warn("peer said \u001b[2J", { cluster: "edge-1" })
    expect(out.lines).toEqual(["warn: peer said ?[2J cluster=edge-1\n"])
  })
})

describe("an audit line", () => {
  test("is written at every level, in the form of the others", () => {
    const out = written()
    makeLog({ program: "auth proxy", level: "error", ...out }).audit({ code: 200, username: "alice" })
    expect(out.lines).toEqual([
      '{"time":"1970-01-01T00:00:00.000Z","level":"info","message":"audit","program":"auth proxy","code":200,"username":"alice"}\n',
    ])
  })

  test("says what it was given, also what looks like a credential, and nothing of what the log is bound to", () => {
    const out = written()
    const log = makeLog({ program: "auth proxy", ...out }).with({ session: jwt })
    log.audit({ username: "https://issuer.example.com#alice@corp.com", path: "/secrets/token:0123456789" })
    expect(out.parsed()[0]).toMatchObject({
      username: "https://issuer.example.com#alice@corp.com",
      path: "/secrets/token:0123456789",
    })
    expect(out.parsed()[0]).not.toHaveProperty("session")
  })

  test("cannot be made to look like another one", () => {
    const out = written()
    makeLog({ program: "auth proxy", ...out }).audit({ username: 'a"\n{"level":"error"}', level: "error" })
    expect(out.lines[0]?.trim().split("\n")).toHaveLength(1)
    expect(out.parsed()[0]).toMatchObject({ level: "info", username: 'a"\n{"level":"error"}', "field.level": "error" })
  })
})

describe("Effect's log functions", () => {
  const run = (effect: Effect.Effect<unknown>, level: "debug" | "info" | "warn" | "error" = "info") => {
    const out = written()
    Effect.runSync(effect.pipe(Effect.provide(logLayer({ program: "agent", level, ...out }))))
    return out.parsed()
  }

  test("write the same lines, with annotations and spans", () => {
    const [line] = run(
      Effect.logInfo("hello", { n: 1 }).pipe(Effect.annotateLogs({ cluster: "edge-1" }), Effect.withLogSpan("dial")),
    )
    expect(line).toMatchObject({
      level: "info",
      message: "hello",
      program: "agent",
      n: 1,
      cluster: "edge-1",
      span: "dial",
    })
  })

  test("write a cause as error, redacted", () => {
    const [line] = run(
      Effect.sandbox(Effect.fail(new Error(`Bearer ${jwt}`))).pipe(
        Effect.catchAll((cause) => Effect.logError("failed", cause)),
      ),
    )
    expect(line.error).toContain("Bearer [redacted]")
    expect(JSON.stringify(line)).not.toContain(jwt)
  })

  test("respect the configured level", () => {
    const all = Effect.all([Effect.logDebug("d"), Effect.logInfo("i"), Effect.logWarning("w"), Effect.logFatal("f")])
    expect(run(all, "debug").map(({ level }) => level)).toEqual(["debug", "info", "warn", "error"])
    expect(run(all, "warn").map(({ level }) => level)).toEqual(["warn", "error"])
  })

  test("take a level that is known only at run time", () => {
    expect(run(logAt("warn", "later", { a: 1 }))).toMatchObject([{ level: "warn", message: "later", a: 1 }])
  })
})
