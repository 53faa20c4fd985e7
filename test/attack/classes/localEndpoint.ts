import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { once } from "node:events"
import { readFileSync, statSync } from "node:fs"
import tls from "node:tls"
import { KubeConfig } from "@kubernetes/client-node"
import { RawConnection } from "../../../agent/authproxy/testing/RawConnection.ts"
import type { User } from "../../world/World.ts"
import type { AttackRange } from "../range/AttackRange.ts"
import { runAs } from "../range/runAs.ts"

/** Web pages, other local users and names that lead to loopback are no clients of the local proxy. */
export const localEndpoint = (range: () => AttackRange): void => {
  let user: User
  let credential: string
  let port: number
  let ca: string

  beforeAll(async () => {
    user = await range().user("loopback-user")
    const config = new KubeConfig()
    config.loadFromFile(user.kubeconfig)
    credential = config.getCurrentUser()!.token!
    port = Number(new URL(config.getCurrentCluster()!.server).port)
    ca = Buffer.from(config.getCurrentCluster()!.caData!, "base64").toString()
  })
  afterAll(() => user.proxy.stop())

  /** The status of an answer to exactly these lines; undefined when the connection was cut. */
  const ask = async (lines: readonly string[]): Promise<number | undefined> => {
    const socket = tls.connect({ host: "127.0.0.1", port, ca, servername: "localhost", rejectUnauthorized: true })
    await once(socket, "secureConnect")
    const raw = new RawConnection(socket, { leave: () => socket.destroy(), end: () => void socket.end() })
    const answer = await raw.ask(`${lines.join("\r\n")}\r\n\r\n`).catch(() => undefined)
    if (answer !== undefined && answer.status >= 400) expect(answer.body).not.toContain(credential)
    expect(answer?.head.toLowerCase() ?? "").not.toContain("access-control-")
    socket.destroy()
    return answer?.status
  }
  const get = (host: string, ...more: readonly string[]) => ask(["GET /api HTTP/1.1", `Host: ${host}`, ...more])
  const bearer = () => `Authorization: Bearer ${credential}`

  test("S14: the kubeconfig's own client is served", async () => {
    expect(await get(`127.0.0.1:${port}`, bearer())).toBe(200)
    expect(await get(`localhost:${port}`, bearer())).toBe(200)
  })

  describe("S14: with the right credential, still refused and nothing sent on:", () => {
    const cases: readonly (readonly [string, (at: number) => readonly [string, ...string[]], number])[] = [
      ["a rebound name", (at) => [`evil.example:${at}`], 403],
      ["a name of loopback that is not ours", (at) => [`localhost.evil.example:${at}`], 403],
      ["another port", () => ["127.0.0.1:6443"], 403],
      ["no port", () => ["127.0.0.1"], 403],
      ["another spelling of loopback", (at) => [`2130706433:${at}`], 403],
      ["a Host list", (at) => [`127.0.0.1:${at}, evil.example`], 403],
      ["an Origin", (at) => [`127.0.0.1:${at}`, "Origin: https://evil.example"], 403],
      ["our own address as Origin", (at) => [`127.0.0.1:${at}`, `Origin: https://127.0.0.1:${at}`], 403],
      ["Origin null", (at) => [`127.0.0.1:${at}`, "Origin: null"], 403],
      ["cross-site", (at) => [`127.0.0.1:${at}`, "Sec-Fetch-Site: cross-site"], 403],
      ["same-site", (at) => [`127.0.0.1:${at}`, "Sec-Fetch-Site: same-site"], 403],
      ["two Hosts", (at) => [`127.0.0.1:${at}`, "Host: evil.example"], 400],
      ["Connection naming a header of identity", (at) => [`127.0.0.1:${at}`, "Connection: impersonate-user"], 400],
    ]
    test.each(cases)("%s", async (_, lines, status) => {
      const mark = range().audit.mark()
      const [host, ...more] = lines(port)
      expect(await get(host, ...more, bearer())).toBe(status)
      expect(await range().reached(mark)).toEqual([])
    })
  })

  test("S14: without the session credential, with a wrong one or with the caller's own token: 401 and nothing sent on", async () => {
    const mark = range().audit.mark()
    const host = `127.0.0.1:${port}`
    const own = await range().clusterToken({ sub: "loopback-user" })
    for (const line of [
      "X-None: 1",
      "Authorization: Bearer wrong",
      `Authorization: Bearer ${credential.slice(0, -1)}`,
      `Authorization: Bearer ${credential}x`,
      `Authorization: Basic ${Buffer.from(`x:${credential}`).toString("base64")}`,
      `Authorization: Bearer ${own}`,
      `Cookie: token=${credential}`,
    ])
      expect([line.slice(0, 24), await get(host, line)]).toEqual([line.slice(0, 24), 401])
    expect(await ask([`GET /api?token=${credential} HTTP/1.1`, `Host: ${host}`])).toBe(401)
    expect(await range().reached(mark)).toEqual([])
  })

  test("S14: a preflight of a browser gets no leave", async () => {
    const lines = [`Host: 127.0.0.1:${port}`, "Origin: https://evil.example", "Access-Control-Request-Method: GET"]
    expect(await ask(["OPTIONS /api HTTP/1.1", ...lines])).toBe(403)
  })

  test("S14: it is no forward proxy and speaks no plain text", async () => {
    expect(await ask(["CONNECT 10.96.0.1:443 HTTP/1.1", `Host: 127.0.0.1:${port}`, bearer()])).not.toBe(200)
    expect(await ask(["GET http://evil.example/ HTTP/1.1", `Host: 127.0.0.1:${port}`, bearer()])).toBe(400)
  })

  test("S14: another local user can neither read the credential nor do anything without it", async () => {
    expect(statSync(user.kubeconfig).mode & 0o777).toBe(0o600)
    const read = await runAs(65_534, ["cat", user.kubeconfig])
    expect([read.code === 0, read.stdout]).toEqual([false, ""])
    expect(readFileSync(user.kubeconfig, "utf8")).toContain(credential)
    const environment = await runAs(65_534, ["cat", `/proc/${user.proxy.pid}/environ`])
    expect(environment.code).not.toBe(0)
    expect(readFileSync(`/proc/${user.proxy.pid}/cmdline`, "utf8")).not.toContain("eyJ")
  })

  test("S14: it listens on loopback only", () => {
    const hex = port.toString(16).toUpperCase().padStart(4, "0")
    const rows = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) => readFileSync(file, "utf8").split("\n").slice(1))
    const listening = rows
      .map((row) => row.trim().split(/\s+/))
      .filter(([, local = "", , state]) => state === "0A" && local.endsWith(`:${hex}`))
    expect(listening.map(([, local]) => local)).toEqual([`0100007F:${hex}`])
  })
}
