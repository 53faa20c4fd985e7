import { describe, expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { AttackRange } from "../range/AttackRange.ts"
import { healthPages } from "../range/healthPages.ts"
import { leaked, secretLines, shapes } from "../range/leaked.ts"
import { request } from "../range/requests.ts"

/** Last of all classes: everything that was written while the others ran. */
export const leaks = (range: () => AttackRange): void => {
  const secrets = () => {
    const { world, second, tokens } = range()
    const first = join(world.cluster.directory, "clusterconnect")
    const files = [
      ...[join(first, "identity"), second.identity].flatMap((folder) => {
        const keys = readdirSync(folder).filter((name) => name.endsWith(".key"))
        if (keys.length < 3) throw new Error(`identity, session and serving key expected in ${folder}, found ${keys}`)
        return keys.map((name) => join(folder, name))
      }),
      second.tokenFile,
      join(first, "service-account-token"),
      join(first, "join-token"),
    ]
    const signatures = tokens.map((token) => token.split(".")[2] ?? "").filter((part) => part.length > 40)
    return [...files.flatMap((file) => secretLines(readFileSync(file, "utf8"))), ...signatures]
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
      expect(leaked(`{"message":"${text}"}`, []).some((line) => line.startsWith(shapes[index]![0]))).toBe(true)
    for (const secret of secrets().slice(0, 50)) expect(leaked(`x${secret}x`, secrets())).not.toEqual([])
  })

  describe("S20: no token, credential or private key is in", () => {
    test("any line that a program of ours wrote, debug lines of the proxies included", () => {
      const all = secrets()
      for (const program of range().programs()) {
        expect([program.name, program.log.length > 0]).toEqual([program.name, true])
        expect([program.name, leaked(program.log.join("\n"), all)]).toEqual([program.name, []])
      }
    })

    test("the audit logs of the relays", () => {
      const logs = [...new Bun.Glob("{relay,enrolment}/audit*").scanSync(range().world.directory)]
      expect(logs.length).toBeGreaterThan(1)
      for (const name of logs)
        expect(leaked(readFileSync(join(range().world.directory, name), "utf8"), secrets())).toEqual([])
    })

    test("the API server's audit log", () => {
      const text = readFileSync(range().world.cluster.auditLog!, "utf8")
      expect(text).toContain("oidc:mallory")
      expect(leaked(text, secrets())).toEqual([])
    })

    test("metrics and status of any program that shows them", async () => {
      const shown: string[] = []
      for (const program of range().programs()) {
        const pages = await healthPages(program, range().inside().includes(program) ? range().world.cluster : undefined)
        if (pages === undefined) continue
        shown.push(program.name)
        expect([program.name, pages.metrics]).toEqual([program.name, expect.stringContaining("# TYPE clusterconnect_")])
        expect([program.name, pages.status]).toEqual([program.name, expect.stringContaining('"version"')])
        expect([program.name, leaked(pages.metrics + pages.status, secrets())]).toEqual([program.name, []])
        // Labels are words of ours: what a caller chose would also make their number unbounded.
        expect([program.name, pages.metrics.includes("mallory")]).toEqual([program.name, false])
      }
      const all = ["agent", "auth proxy", "enrolment relay", "relay", "second agent", "second auth proxy"]
      expect(shown.sort()).toEqual(all)
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
        expect([name, leaked(line, secrets())]).toEqual([name, []])
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
        expect(leaked(head + body, [token])).toEqual([])
      }
      range().hangUp()
    })
  })
}
