import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { FarEnd } from "../testing/FarEnd.ts"
import { type Answer, answer, credential, NearEnd } from "../testing/NearEnd.ts"

// S14: whoever is not the user with this session's kubeconfig gets nothing through the local endpoint.

let far: FarEnd
let near: NearEnd
beforeAll(async () => {
  far = await FarEnd.start()
  near = await NearEnd.start(far)
  await near.get("/warm")
})
afterAll(async () => {
  await near.stop()
  await far.stop()
})

const bearer = ["Authorization", `Bearer ${credential}`]

/** Sends it, and checks that nothing of it left this machine. */
const refused = async (method: string, target: string, headers: readonly string[]): Promise<Answer> => {
  const before = far.requests.length
  const got = await answer(near.bareRequest(method, target, headers))
  expect(far.requests.length).toBe(before)
  expect(got.headers["access-control-allow-origin"]).toBeUndefined()
  expect(got.headers["retry-after"]).toBeUndefined()
  expect(JSON.parse(got.body)).toMatchObject({ kind: "Status", apiVersion: "v1", code: got.status })
  expect(got.body).not.toContain(credential)
  return got
}

const causeOf = ({ body }: Answer) => JSON.parse(body).details.causes[1].message

describe("the local endpoint refuses", () => {
  test("a request without the session credential, with a wrong one, or with another scheme: 401", async () => {
    const host = ["Host", near.host]
    expect(causeOf(await refused("GET", "/api", host))).toBe("CredentialMissing")
    for (const value of [`Bearer ${credential}x`, "Bearer ccsession_", `Bearer ${near.clusterToken}`]) {
      const got = await refused("GET", "/api", [...host, "Authorization", value])
      expect([got.status, causeOf(got)]).toEqual([401, "CredentialWrong"])
    }
    for (const value of [`Basic ${Buffer.from(`a:${credential}`).toString("base64")}`, credential, "Bearer", ""]) {
      const got = await refused("GET", "/api", [...host, "Authorization", value])
      expect([got.status, causeOf(got)]).toEqual([401, "CredentialMissing"])
    }
  })
  test("a name that leads here by DNS rebinding: only loopback names with the port are hosts", async () => {
    const { port } = near.endpoint
    for (const host of [
      "evil.example",
      `evil.example:${port}`,
      "127.0.0.1",
      `127.0.0.1:${port + 1}`,
      `127.0.0.2:${port}`,
      `localhost.evil.example:${port}`,
      "",
    ])
      expect(causeOf(await refused("GET", "/api", ["Host", host, ...bearer]))).toBe("HostRefused")
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`])
      expect((await answer(near.bareRequest("GET", "/api", ["Host", host, ...bearer]))).status).toBe(200)
  })
  test("web pages: anything with an Origin, preflights, and cross-site or same-site fetches", async () => {
    const good = ["Host", near.host, ...bearer]
    for (const origin of ["https://evil.example", "null", `https://${near.host}`])
      expect(causeOf(await refused("GET", "/api", [...good, "Origin", origin]))).toBe("OriginRefused")
    expect(
      causeOf(
        await refused("OPTIONS", "/api", [
          ...good,
          "Origin",
          "https://evil.example",
          "Access-Control-Request-Method",
          "GET",
        ]),
      ),
    ).toBe("OriginRefused")
    for (const site of ["cross-site", "same-site", "CROSS-SITE", "same-origin"])
      expect(causeOf(await refused("GET", "/api", [...good, "Sec-Fetch-Site", site]))).toBe("CrossSiteRefused")
    expect((await near.get("/api", ["Sec-Fetch-Site", "none"])).status).toBe(200)
  })
  test("what two hops could read differently", async () => {
    const good = ["Host", near.host, ...bearer]
    expect((await refused("GET", "/api", [...good, ...bearer])).status).toBe(400)
    expect(causeOf(await refused("GET", `https://${near.host}/api`, good))).toBe("TargetForm")
    expect(
      causeOf(await refused("GET", "/api", [...good, "Connection", "Impersonate-User", "Impersonate-User", "eve"])),
    ).toBe("ConnectionNamesIdentity")
    expect(causeOf(await refused("GET", "/api", [...good, "Connection", "close, authorization"]))).toBe(
      "ConnectionNamesIdentity",
    )
  })
})
