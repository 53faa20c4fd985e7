import { afterEach, describe, expect, test } from "bun:test"
import { dirname, join } from "node:path"
import type { AttackRange } from "../range/AttackRange.ts"
import { causeOf, request } from "../range/requests.ts"

/** Whoever could choose the impersonation headers would be anybody. */
export const impersonation = (range: () => AttackRange): void => {
  afterEach(() => range().hangUp())

  describe("S1: an impersonation header of the client is a 403 and nothing reaches the API server:", () => {
    const spellings = [
      "Impersonate-User: system:admin",
      "impersonate-user: system:admin",
      "iMPERSONATE-uSER: oidc:mallory",
      "Impersonate_User: system:admin",
      "Impersonate_Group: system:masters",
      "Impersonate-Group: system:masters",
      "Impersonate-Uid: 0",
      "Impersonate-Extra-Scopes: all",
      "Impersonate-Extra-clusterconnect.dev%2Ftoken-id: forged",
      "Impersonate-Something-New: x",
      "Impersonate-User:",
      "Impersonate-User: a\r\nImpersonate-User: b",
      "Impersonate-User: a\r\nImpersonate_User: b",
    ]
    test.each(spellings)("%j", async (line) => {
      const mark = range().audit.mark()
      const { raw } = await range().connect()
      const token = await range().clusterToken()
      const answer = await raw.ask(request("GET /api/v1/secrets", { token, headers: [line] }))
      expect([answer.status, causeOf(answer.body)]).toEqual([403, "ImpersonationRefused"])
      expect(await range().reached(mark)).toEqual([])
    })

    test("with an upgrade, and behind hundreds of harmless headers", async () => {
      const mark = range().audit.mark()
      const token = await range().clusterToken()
      const upgrade = ["Connection: Upgrade", "Upgrade: SPDY/3.1", "Impersonate-User: system:admin"]
      const many = Array.from({ length: 120 }, (_, index) => `X-Harmless-${index}: 1`)
      for (const headers of [upgrade, [...many, "impersonate-user: system:admin"]]) {
        const { raw } = await range().connect()
        const answer = await raw.ask(request("POST /api/v1/namespaces/default/pods/p/exec", { token, headers }))
        expect(causeOf(answer.body)).toBe("ImpersonationRefused")
      }
      expect(await range().reached(mark)).toEqual([])
    })

    test("kubectl --as through the real proxy, with a message that says how it could be allowed", async () => {
      const user = await range().user("as-user")
      const cache = join(dirname(user.kubeconfig), "kubectl-cache")
      // The first time kubectl asks for the cluster's resources, and swallows the Status that it gets for that; a Warning remains.
      const first = await user.kubectl.run(["get", "pods", "--as", "system:admin", "--cache-dir", cache])
      await user.kubectl.run(["get", "pods", "--cache-dir", cache])
      const later = await user.kubectl.run(["get", "pods", "--as", "system:admin", "--cache-dir", cache])
      for (const said of [first, later]) {
        expect(said.code).not.toBe(0)
        expect(said.stderr.match(/spec\.impersonation\.allowNested/g)).toHaveLength(1)
      }
      await user.proxy.stop()
    })
  })

  describe("S2: Connection that names one of our headers removes none:", () => {
    test.each([
      "Impersonate-User",
      "impersonate-group",
      "Impersonate-Extra-clusterconnect.dev%2Ftoken-id",
      "Authorization",
      "Audit-Id",
      "X-Forwarded-For",
      "Host",
      "Impersonate-User, Impersonate-Group, close",
    ])("%s", async (named) => {
      const mark = range().audit.mark()
      const token = await range().clusterToken({ jti: "jti-of-s2" })
      const { raw } = await range().connect()
      const target = "/api?s2"
      raw.write(request(`GET ${target}`, { token, headers: [`Connection: keep-alive, ${named}`] }))
      expect((await raw.answer()).status).toBe(200)
      const event = await range().audit.event(mark, target, ({ requestURI }) => requestURI === target)
      expect(event.user.username).toBe(range().world.authProxyAccount)
      expect(event.impersonatedUser).toMatchObject({
        username: "oidc:mallory",
        groups: ["oidc:outsiders", "system:authenticated"],
        extra: { "clusterconnect.dev/token-id": ["jti-of-s2"] },
      })
      expect(event.sourceIPs).toHaveLength(2)
    })
  })

  describe("S3: a name that is not a plain name is refused before the API server hears of it:", () => {
    const names: readonly (readonly [what: string, sub: string])[] = [
      ["blank at the end", "mallory "],
      ["tab", "mal\tlory"],
      ["CR LF and a header", "x\r\nImpersonate-Group: system:masters"],
      ["LF", "x\nImpersonate-Group: system:masters"],
      ["NUL", "mallory\u0000"],
      ["DEL", "mallory\u007f"],
      ["C1 control", "mallory\u0085"],
      ["2 KiB", "m".repeat(2048)],
      ["a lone surrogate", "mallory\ud800"],
    ]
    test.each(names.map(([what, sub]) => ({ what, sub })))("$what", async ({ sub }) => {
      const mark = range().audit.mark()
      const { raw } = await range().connect()
      for (const claims of [{ sub }, { sub: "mallory", groups: ["fine", sub] }]) {
        const answer = await raw.ask(request("GET /api", { token: await range().clusterToken(claims) }))
        expect([401, 403]).toContain(answer.status)
        expect(causeOf(answer.body)).toBeDefined()
      }
      expect(await range().reached(mark)).toEqual([])
    })

    test("an empty subject, a missing one, one that is no text", async () => {
      const mark = range().audit.mark()
      const { raw } = await range().connect()
      for (const sub of ["", undefined, null, 7, ["mallory"], { name: "mallory" }]) {
        const answer = await raw.ask(request("GET /api", { token: await range().clusterToken({ sub }) }))
        expect([401, 403]).toContain(answer.status)
      }
      expect(await range().reached(mark)).toEqual([])
    })

    test("a prefix and a claim that together make a name of Kubernetes' own", async () => {
      const { second } = range()
      const entry = {
        ...second.jwt,
        claimMappings: { username: { claim: "sub", prefix: "sys" }, groups: { claim: "groups", prefix: "sys" } },
      }
      await second.configure({ jwt: [entry] })
      const mark = range().audit.mark()
      const { raw } = await range().connect(second.name)
      const ask = async (claims: Record<string, unknown>) => {
        const token = await range().clusterToken(claims, { cluster: second.name })
        return causeOf((await raw.ask(request("GET /api", { token }))).body)
      }
      expect(await ask({ sub: "tem:admin", groups: [] })).toBe("UsernameReserved")
      expect(await ask({ sub: "mallory", groups: ["fine", "tem:masters"] })).toBe("GroupReserved")
      expect(await range().reached(mark)).toEqual([])
      await second.configure()
    })

    test("a name beyond ASCII arrives as itself, and a reserved one behind the prefix is an ordinary name", async () => {
      const { raw } = await range().connect()
      for (const sub of ["Zoë Ångström-日本", "system:admin", "system:masters"]) {
        const mark = range().audit.mark()
        await raw.ask(request("GET /api?s3", { token: await range().clusterToken({ sub, groups: [sub] }) }))
        const event = await range().audit.event(mark, sub, ({ requestURI }) => requestURI === "/api?s3")
        expect(event.impersonatedUser?.username).toBe(`oidc:${sub}`)
        expect(event.impersonatedUser?.groups).toEqual([`oidc:${sub}`, "system:authenticated"])
      }
    })
  })

  describe("S4: groups arrive as the identity provider named them:", () => {
    test("a comma does not make two of one", async () => {
      const groups = ["a, system:masters", "b,c", ",", "d"]
      const mark = range().audit.mark()
      const { raw } = await range().connect()
      await raw.ask(request("GET /api?s4", { token: await range().clusterToken({ groups }) }))
      const event = await range().audit.event(mark, "S4", ({ requestURI }) => requestURI === "/api?s4")
      expect(event.impersonatedUser?.groups).toEqual([
        ...groups.map((group) => `oidc:${group}`),
        "system:authenticated",
      ])
    })

    test("500 of them, all", async () => {
      const groups = Array.from({ length: 500 }, (_, index) => `g${index}`)
      const mark = range().audit.mark()
      const { raw } = await range().connect()
      const answer = await raw.ask(request("GET /api?s4-many", { token: await range().clusterToken({ groups }) }))
      expect(answer.status).toBe(200)
      const event = await range().audit.event(mark, "S4", ({ requestURI }) => requestURI === "/api?s4-many")
      expect(event.impersonatedUser?.groups).toHaveLength(501)
    })
  })
}
