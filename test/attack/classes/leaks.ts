import { describe, expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { AttackRange } from "../range/AttackRange.ts"
import { request } from "../range/requests.ts"

/** What no text that programs write for others may contain, whatever it belongs to. */
const shapes: readonly (readonly [what: string, pattern: RegExp])[] = [
  ["a signed token", /eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/],
  ["a session credential", /ccsession_[A-Za-z0-9_-]{8,}/],
  ["a join token", /ccjoin_[A-Za-z0-9_-]{8,}/],
  ["a private key", /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ["a credential behind its scheme", /\b(?:Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{16,}/i],
  ["a bearer subprotocol", /base64url\.bearer\.authorization\.k8s\.io\.[A-Za-z0-9_-]{8,}/],
  ["a private JWK", /"d"\s*:\s*"[A-Za-z0-9_-]{20,}"/],
]

const found = (text: string, secrets: readonly string[]): readonly string[] => [
  ...shapes.flatMap(([what, pattern]) => {
    const match = pattern.exec(text)
    return match === null ? [] : [`${what}: ${text.slice(Math.max(0, match.index - 120), match.index + 12)}…`]
  }),
  ...secrets.flatMap((secret) =>
    text.includes(secret) ? [`a secret of this run that begins ${secret.slice(0, 8)}`] : [],
  ),
]

/** Last of all classes: everything that was written while the others ran. */
export const leaks = (range: () => AttackRange): void => {
  const secrets = () => {
    const { world, second, tokens } = range()
    const files = [
      ...["identity.key", "session.key", "serving.key"].map((name) => join(second.identity, name)),
      second.tokenFile,
      join(world.cluster.directory, "clusterconnect", "service-account-token"),
      join(world.cluster.directory, "clusterconnect", "join-token"),
    ]
    const keyLines = files
      .flatMap((file) => readFileSync(file, "utf8").trim().split("\n"))
      .filter((line) => line.length > 40)
    const signatures = tokens.map((token) => token.split(".")[2] ?? "").filter((part) => part.length > 40)
    return [...keyLines.filter((line) => !line.startsWith("-----")), ...signatures]
  }

  test("S20: the search finds each thing that it looks for", async () => {
    const planted = [
      (await range().clusterToken()).slice(0, 300),
      `ccsession_${"x".repeat(43)}`,
      `ccjoin_${"x".repeat(43)}`,
      "-----BEGIN PRIVATE KEY-----",
      "authorization: bearer abcdefghijklmnopqrstuvwxyz",
      `base64url.bearer.authorization.k8s.io.${"x".repeat(40)}`,
      `"d":"${"x".repeat(43)}"`,
    ]
    for (const [index, text] of planted.entries())
      expect(found(`{"message":"${text}"}`, []).some((line) => line.startsWith(shapes[index]![0]))).toBe(true)
    for (const secret of secrets().slice(0, 50)) expect(found(`x${secret}x`, secrets())).not.toEqual([])
  })

  describe("S20: no token, credential or private key is in", () => {
    test("any line that a program of ours wrote, debug lines of the proxies included", () => {
      const all = secrets()
      for (const program of range().programs()) {
        expect([program.name, program.log.length > 0]).toEqual([program.name, true])
        expect([program.name, found(program.log.join("\n"), all)]).toEqual([program.name, []])
      }
    })

    test("the relay's audit log", () => {
      const folder = join(range().world.directory, "relay")
      const logs = readdirSync(folder).filter((name) => name.startsWith("audit"))
      expect(logs.length).toBeGreaterThan(0)
      for (const name of logs) expect(found(readFileSync(join(folder, name), "utf8"), secrets())).toEqual([])
    })

    test("the API server's audit log", () => {
      const text = readFileSync(range().world.cluster.auditLog!, "utf8")
      expect(text).toContain("oidc:mallory")
      expect(found(text, secrets())).toEqual([])
    })

    test("metrics and status of the programs", async () => {
      const metrics = await range().second.metrics()
      expect(metrics).toContain("clusterconnect_auth_proxy_requests_total")
      expect(found(metrics, secrets())).toEqual([])
      // Labels are words of ours: what a caller chose would also make their number unbounded.
      expect(metrics).not.toContain("mallory")
    })

    test("the cluster's events", async () => {
      const events = await range().world.cluster.admin(["get", "events", "-A", "-o", "json"])
      expect(found(events, secrets())).toEqual([])
    })

    test("the command line of any program", () => {
      for (const { name, pid } of range()
        .programs()
        .filter(({ exited: _, pid }) => pid > 0)) {
        let line: string
        try {
          line = readFileSync(`/proc/${pid}/cmdline`, "utf8")
        } catch {
          continue
        }
        expect([name, found(line, secrets())]).toEqual([name, []])
      }
    })

    test("an answer to a request that was full of them", async () => {
      const token = await range().clusterToken()
      const { raw } = await range().connect()
      const headers = [`Impersonate-User: ${token}`, `X-Copy: Bearer ${token}`]
      for (const text of [
        request(`GET /api?token=${token.slice(0, 40)}`, { token: `${token}x` }),
        request("GET /api", { token, headers }),
      ]) {
        const { head, body } = await raw.ask(text)
        expect(found(head + body, [token])).toEqual([])
      }
      range().hangUp()
    })
  })
}
