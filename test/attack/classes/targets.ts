import { afterEach, describe, expect, test } from "bun:test"
import type { AttackRange } from "../range/AttackRange.ts"
import { request } from "../range/requests.ts"

/** What is decided about a path and what is served must be the same path, and its origin may only say the truth. */
export const targets = (range: () => AttackRange): void => {
  afterEach(() => range().hangUp())

  describe("S9: a target that could be read as another one is refused:", () => {
    test.each([
      "GET https://10.96.0.1/api/v1/secrets",
      "GET http://169.254.169.254/latest/meta-data/",
      "GET //evil.example/api",
      "GET /api//v1/secrets",
      "GET /api/./v1/secrets",
      "GET /api/v1/../v1/secrets",
      "GET /api/v1/namespaces/default/pods/../../../secrets",
      "GET /api/%2e%2e/secrets",
      "GET /api/.%2E/secrets",
      "GET /api/v1/namespaces/a%2f..%2fb/pods",
      "GET /api/v1/namespaces/default/services/s:80/proxy/../../../secrets",
      "GET /api/v1/namespaces/default/services/s:80/proxy/%2e%2e/%2e%2e",
      "GET /api/v1/nodes/n/proxy/..%2f..%2fsecrets",
      "GET /api\\v1\\secrets",
      "GET /api/%5c..%5csecrets",
      "GET /api/v1/..;/secrets",
      "GET /api/v1/secrets%00.json",
      "GET /api/v1/secrets%0d%0aImpersonate-User:%20x",
      "GET /api/v1/%zz",
      "GET /api/v1/secrets#fragment",
      "GET /api/v1/secréts",
      "GET api/v1/secrets",
      "GET *",
      "OPTIONS *",
      "CONNECT 10.96.0.1:443",
      "CONNECT /api",
      "TRACE /api",
      "TRACK /api",
      "GET /api HTTP/1.0",
      "GET /api HTTP/2.0",
      "PRI * HTTP/2.0",
      "get /api",
      "PROPFIND /api",
    ])("%s", async (line) => {
      const mark = range().audit.mark()
      const { raw } = await range().connect()
      raw.write(request(line, { token: await range().clusterToken() }))
      const answer = await raw.answer().catch(() => undefined)
      if (answer !== undefined) expect(answer.status).toBeGreaterThanOrEqual(400)
      if (answer !== undefined) expect(answer.status).toBeLessThan(600)
      expect(await range().reached(mark)).toEqual([])
    })
  })

  test("S9: what is accepted arrives byte for byte", async () => {
    const mark = range().audit.mark()
    const { raw } = await range().connect()
    const token = await range().clusterToken()
    const accepted = [
      "/api/v1/namespaces/de%66ault/pods?labelSelector=a%3Db%2Fc&x=../..//%5c",
      "/api/v1/namespaces/default/services/https:s:443/proxy/a//b%2Fc?q",
    ]
    for (const target of accepted) await raw.ask(request(`GET ${target}`, { token }))
    expect(await range().reached(mark)).toEqual(
      accepted.map((target) => expect.stringContaining(` ${target} as oidc:mallory`)),
    )
  })

  test("S11: a client's word about its address or name is not in the audit log; the relay's word about the address is", async () => {
    const mark = range().audit.mark()
    const { raw } = await range().connect()
    const spoofed = [
      "X-Forwarded-For: 203.0.113.66",
      "x-forwarded-for: 203.0.113.67, 203.0.113.68",
      "X_Forwarded_For: 203.0.113.69",
      "X-Forwarded-Host: 203.0.113.70",
      "X-Real-Ip: 203.0.113.71",
      "Forwarded: for=203.0.113.72",
      "True-Client-Ip: 203.0.113.73",
      "X-Cluster-Client-Ip: 203.0.113.74",
      "Clusterconnect-Client-Address: 203.0.113.75",
      "Clusterconnect-Caller-Hash: forged",
      "X-Remote-User: system:admin",
      "X-Remote-Group: system:masters",
      "X-Remote-Extra-Scopes: all",
      "X_Remote_User: system:admin",
      "Audit-ID: chosen-by-mallory",
      "Via: 1.1 203.0.113.76",
    ]
    const answer = await raw.ask(request("GET /api?s11", { token: await range().clusterToken(), headers: spoofed }))
    expect(answer.status).toBe(200)
    const event = await range().audit.event(mark, "S11", ({ requestURI }) => requestURI === "/api?s11")
    const text = JSON.stringify(event)
    for (const forged of ["203.0.113.", "system:admin", "system:masters", "chosen-by-mallory", "forged"])
      expect(text).not.toContain(forged)
    expect(event.user.username).toBe(range().world.authProxyAccount)
    // The relay sits behind the recorder here: its peer's address is what it can know.
    expect(event.sourceIPs?.[0]).toBe("127.0.0.1")
  })
}
