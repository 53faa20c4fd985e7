import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import http from "node:http"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { customFetch } from "openid-client"
import { readClaims } from "../../identity/readClaims.ts"
import { trustedRoots } from "../../platform/outbound.ts"
import { type IdentityProvider, publicClientId, startIdentityProvider } from "../../test/idp/IdentityProvider.ts"
import { visit } from "../../test/idp/visit.ts"
import { NotAuthenticated, PathBroken } from "../failures.ts"
import type { Profile } from "../profiles/Profile.ts"
import { askedAudience, loginParameters } from "./askedAudience.ts"
import { browserLogin } from "./browserLogin.ts"
import { discovered } from "./Issuer.ts"
import { type LogInOptions, logIn } from "./logIn.ts"
import { loginIssuing } from "./loginIssuing.ts"
import { logOut } from "./logOut.ts"
import { type Session, Sessions } from "./Sessions.ts"

const relayAudience = "clusterconnect:relay.example"
const clusterAudience = "clusterconnect:relay.example/edge-1"
const audiences = [relayAudience, clusterAudience]

let provider: IdentityProvider
let directory: string
let sessions: Sessions
beforeAll(async () => {
  provider = await startIdentityProvider()
})
afterAll(() => provider.stop())
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "clusterconnect-login-"))
  sessions = new Sessions(join(directory, "sessions"), undefined)
})
afterEach(() => rm(directory, { recursive: true }))

const route = () => ({ proxy: {}, ca: trustedRoots({ pem: [provider.caPem] }) })
const profile = (): Profile => ({ relay: "https://relay.example", issuer: provider.issuer, clientId: publicClientId })
const screen = { platform: "linux", environment: { DISPLAY: ":0" }, terminal: true } as const
const asked = { deviceCode: false, skipOpenBrowser: false }

const options = (more: Partial<LogInOptions> = {}): LogInOptions => ({
  profile: profile(),
  audiences,
  route: route(),
  situation: { ...screen, ...asked },
  say: () => {},
  ports: [],
  ...more,
})
/** A browser that begins at our loopback address, as the one that the program opens. */
const browser = async (address: string) => {
  const { back, cookie } = await throughProvider(address)
  return await get(back, cookie)
}
/** As far as the provider's answer: where it sends the browser, and the cookie that this browser has by then. */
const throughProvider = async (address: string) => {
  const { headers } = await get(address)
  const back = await visit(headers.location ?? "", provider.caPem, "http://127.0.0.1:")
  return { back, cookie: headers["set-cookie"]?.[0]?.split(";")[0] ?? "" }
}
const get = (url: string, cookie?: string) => {
  const { port, pathname, search } = new URL(url)
  return ask({ port, path: pathname + search, ...(cookie === undefined ? {} : { headers: { cookie } }) })
}
/** Of the loopback listener, with the path as it is written. */
const ask = (request: http.RequestOptions) =>
  new Promise<{ status: number; headers: http.IncomingHttpHeaders; body: string }>((resolve, reject) => {
    http
      .request({ host: "127.0.0.1", ...request }, (answer) => {
        let body = ""
        answer.on("data", (chunk: Buffer) => {
          body += chunk.toString()
        })
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }))
      })
      .on("error", reject)
      .end()
  })
const loggedIn = async (): Promise<Session> => {
  const session = await logIn(options({ open: (address) => void browser(address) }))
  await sessions.held("work", ({ replace }) => replace(session))
  return session
}
const issuing = () => loginIssuing({ name: "work", profile: profile() }, sessions, route())
const claimsOf = (token: string) => {
  const read = readClaims(token)
  if (read._tag === "Left") throw read.left
  return read.right
}

test("a login in the browser gives tokens for relay and cluster, each for one audience", async () => {
  const session = await loggedIn()
  expect(session).toMatchObject({ issuer: provider.issuer, clientId: publicClientId, subject: "alice", tokens: {} })
  for (const audience of audiences) {
    const claims = claimsOf(await issuing().mint(audience))
    expect(claims).toMatchObject({ subject: "alice", audiences: [audience] })
  }
})

test("the address that the browser is given holds nothing of the login", async () => {
  let address = ""
  await logIn(
    options({
      open: (to) => {
        address = to
        void browser(to)
      },
    }),
  )
  expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[A-Za-z0-9_-]{22}$/)
})

test("only who was given the address gets to the provider, once: when two do, the login is ended", async () => {
  const given = Promise.withResolvers<string>()
  const ended = logIn(options({ open: given.resolve })).catch((error: unknown) => error)
  const address = await given.promise
  const { port, pathname: path } = new URL(address)
  const guesses: http.RequestOptions[] = ["/", "//", "//x:y", `/${"A".repeat(22)}`].map((path) => ({ path }))
  const astray = [...guesses, { path, method: "HEAD" }, { path, headers: { host: `rebound.example:${port}` } }]
  for (const request of astray) expect((await ask({ port, ...request })).status).toBe(404)
  const { status, headers } = await get(address)
  expect([status, headers.location]).toEqual([302, expect.stringContaining(provider.issuer)])
  expect((await get(address)).status).toBe(410)
  expect(await ended).toMatchObject({ _tag: "NotAuthenticated", cause: "LoginEnteredTwice" })
})

test("an answer with another state, and everything else that comes to the loopback port, changes nothing", async () => {
  const session = await logIn(
    options({
      open: async (address) => {
        const callback = new URL("/callback", address)
        for (const query of ["", "?code=x", "?code=x&state=y", "?error=access_denied&state=y"])
          expect((await get(callback.href + query)).status).toBe(400)
        expect((await get(new URL("/favicon.ico", address).href)).status).toBe(404)
        expect((await browser(address)).body).toContain("You are logged in")
      },
    }),
  )
  expect(session.refreshToken).toBeString()
})

test("an answer counts only from the browser that began: who knows the state and has a code of his own gets nowhere", async () => {
  const said: string[] = []
  const session = await logIn(
    options({
      say: (line) => said.push(line),
      open: async (address) => {
        const unasked = new URL("/callback", address).href
        const { back, cookie } = await throughProvider(address)
        const state = new URL(back).searchParams.get("state")
        const stolen = `${unasked}?state=${state}&code=of-somebody-else`
        const [name] = cookie.split("=")
        for (const wrong of [undefined, "", `${name}=`, `${name}=${"A".repeat(22)}`, `x${cookie}`, `${cookie}x`]) {
          const { status, body } = await get(stolen, wrong)
          expect([status, body]).toEqual([400, expect.stringContaining("another browser")])
          expect(body).toContain("--device-code")
        }
        // The terminal tells of it too, once: the page sends the person there.
        const told = said.filter((line) => line.includes("another browser"))
        expect(told).toEqual([expect.stringContaining("--device-code")])
        expect((await get(back, `other=1; ${cookie}`)).body).toContain("You are logged in")
      },
    }),
  )
  expect(session.subject).toBe("alice")
})

test("the cookie that binds browser and answer is sent to the answer's path alone, and not for other sites' requests", async () => {
  const cookies = await new Promise<string[]>((resolve) => {
    void logIn(
      options({
        open: async (address) => {
          const began = await get(address)
          const back = await visit(began.headers.location ?? "", provider.caPem, "http://127.0.0.1:")
          const ended = await get(back, began.headers["set-cookie"]?.[0]?.split(";")[0])
          resolve([
            ...(began.headers["set-cookie"] ?? []),
            ...(ended.headers["set-cookie"] ?? []),
            new URL(address).port,
          ])
        },
      }),
    )
  })
  const [set, removed, port] = cookies
  // Cookies do not know ports (RFC 6265, 8.5): two logins at once would overwrite each other's.
  const attributes = "; Path=/callback; HttpOnly; SameSite=Lax"
  expect(set).toMatch(new RegExp(`^clusterconnect-login-${port}=[A-Za-z0-9_-]{22}${attributes}$`))
  expect(removed).toBe(`clusterconnect-login-${port}=${attributes}; Max-Age=0`)
})

test("two logins in one browser at once both come to their end", async () => {
  const both = [Promise.withResolvers<string>(), Promise.withResolvers<string>()]
  const logins = both.map(({ resolve }) => logIn(options({ open: resolve })))
  const begun = await Promise.all(both.map(async ({ promise }) => await throughProvider(await promise)))
  const jar = new Map(begun.map(({ cookie }): [string, string] => [cookie.split("=")[0] ?? "", cookie]))
  for (const { back } of begun) await get(back, [...jar.values()].join("; "))
  expect((await Promise.all(logins)).map(({ subject }) => subject)).toEqual(["alice", "alice"])
})

test("who comes before the person's browser and answers with a login of his own is not logged in when that browser comes", async () => {
  const configuration = await discovered(provider.issuer, publicClientId, route())
  const send = configuration[customFetch]
  let address = ""
  configuration[customFetch] = async (url, request) => {
    // The code is on its way to the provider: now the person's own browser has started.
    expect((await get(address)).status).toBe(410)
    if (send === undefined) throw new Error("no transport")
    return await send(url, request)
  }
  const login = browserLogin({
    configuration,
    issuer: provider.issuer,
    parameters: loginParameters(profile(), audiences),
    exchange: askedAudience(profile(), relayAudience),
    asksConsent: true,
    say: () => {},
    ports: [],
    signal: new AbortController().signal,
    present: (to) => {
      address = to
      void browser(to)
    },
  })
  await expect(login).rejects.toMatchObject({ _tag: "NotAuthenticated", cause: "LoginEnteredTwice" })
})

test("somebody who holds connections to the loopback port open does not hold up the login", async () => {
  const held: Socket[] = []
  await logIn(
    options({
      open: async (address) => {
        for (const bytes of ["", "GET /callback HTTP/1.1\r\nhost: "]) {
          const socket = connect(Number(new URL(address).port), "127.0.0.1", () => socket.write(bytes))
          await once(socket, "connect")
          held.push(socket)
        }
        await browser(address)
      },
    }),
  )
  for (const socket of held) socket.destroy()
}, 5_000)

test("the ports that a client can register come first, a taken one is passed over", async () => {
  const taken = http.createServer()
  const free = http.createServer()
  for (const server of [taken, free])
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()))
  const ports = [taken, free].map((server) => (server.address() as { port: number }).port)
  await new Promise((resolve) => free.close(resolve))
  let used = ""
  await logIn(
    options({
      ports,
      open: (address) => {
        used = new URL(address).port
        void browser(address)
      },
    }),
  )
  taken.close()
  expect(used).toBe(String(ports[1]))
})

test("without a browser the device code is shown and confirmed elsewhere", async () => {
  const said: string[] = []
  const session = await logIn(
    options({
      situation: { ...screen, environment: {}, ...asked },
      say: (line) => {
        said.push(line)
        const at = /open (https:\S+)/.exec(line)?.[1]
        if (at !== undefined) void visit(at, provider.caPem)
      },
    }),
  )
  expect(said.join("\n")).toMatch(/To log in, open https:.*\nand confirm the code [A-Z]{4}-[A-Z]{4}/)
  expect(session.refreshToken).toBeString()
})

test.each([
  ["asks for consent, without which a provider need not give a refresh token", {}, "consent"],
  ["does not where the profile says so", { skipConsent: true }, null],
])("a login in the browser %s", async (_, more: Partial<Profile>, prompt) => {
  const sent = Promise.withResolvers<string>()
  const stop = new AbortController()
  const login = logIn(
    options({
      profile: { ...profile(), ...more },
      signal: stop.signal,
      open: async (address) => sent.resolve((await get(address)).headers.location ?? ""),
    }),
  )
  expect(new URL(await sent.promise).searchParams.get("prompt")).toBe(prompt)
  stop.abort()
  await expect(login).rejects.toMatchObject({ cause: "LoginAbandoned" })
})

test("a login that is given up ends at once", async () => {
  const stop = new AbortController()
  const login = logIn(options({ signal: stop.signal, open: () => stop.abort(new Error("ended")) }))
  await expect(login).rejects.toThrow("the login was not finished: it was ended")
})

test("a kept token is used while it is good: no refresh token is spent for it", async () => {
  await loggedIn()
  const before = provider.requests.get("/token") ?? 0
  const [first, second] = [await issuing().mint(relayAudience), await issuing().mint(relayAudience)]
  expect(second).toBe(first)
  expect(provider.requests.get("/token")).toBe(before + 1)
})

test("many at once never spend one refresh token twice: the provider would end the login", async () => {
  await loggedIn()
  const wanted = Array.from({ length: 12 }, (_, index) => audiences[index % 2] ?? "")
  const tokens = await Promise.all(wanted.map((audience) => issuing().mint(audience)))
  expect(new Set(tokens).size).toBe(2)
  await sessions.held("work", async ({ read, replace }) => {
    const session = await read()
    if (session !== undefined) await replace({ ...session, tokens: {} })
  })
  expect(claimsOf(await issuing().mint(clusterAudience)).audiences).toEqual([clusterAudience])
})

test("an audience that the login did not ask for is refused with the way to get it", async () => {
  await loggedIn()
  await expect(issuing().mint("clusterconnect:relay.example/edge-2")).rejects.toThrow(
    "clusterconnect login --profile work CLUSTER",
  )
})

test("a login at one provider is never used at another", async () => {
  await loggedIn()
  const other: Profile = { ...profile(), issuer: "https://other.example" }
  const elsewhere = loginIssuing({ name: "work", profile: other }, sessions, route())
  await expect(elsewhere.mint(relayAudience)).rejects.toThrow("nobody is logged in")
})

test("logout revokes at the provider and removes the login", async () => {
  const session = await loggedIn()
  expect(await logOut("work", sessions, route())).toEqual({ was: "revoked" })
  await expect(issuing().mint(relayAudience)).rejects.toBeInstanceOf(NotAuthenticated)
  await sessions.held("work", ({ replace }) => replace(session))
  await expect(issuing().mint(relayAudience)).rejects.toThrow("invalid_grant")
  await sessions.held("work", ({ remove }) => remove())
  expect(await logOut("work", sessions, route())).toEqual({ was: "not logged in" })
})

test("a provider that cannot be reached is named; logout removes the login all the same and says what it could not do", async () => {
  const gone = await startIdentityProvider()
  await gone.stop()
  const lost: Session = { issuer: gone.issuer, clientId: "x", refreshToken: "secret-refresh", tokens: {} }
  await sessions.held("work", ({ replace }) => replace(lost))
  const there = loginIssuing(
    { name: "work", profile: { ...profile(), issuer: gone.issuer, clientId: "x" } },
    sessions,
    route(),
  )
  const failure = await there.mint(relayAudience).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(failure).toBeInstanceOf(PathBroken)
  expect((failure as PathBroken).message).toContain("no TCP connection")
  expect((failure as PathBroken).message).not.toContain("secret-refresh")
  const out = await logOut("work", sessions, route())
  expect(out).toMatchObject({ was: "removed only", failure: { cause: "IssuerUnreachable" } })
  expect(await sessions.peek("work")).toBeUndefined()
})

test("a provider whose authority is not trusted is not believed", async () => {
  await expect(logIn(options({ route: { proxy: {}, ca: trustedRoots() } }))).rejects.toThrow("TLS failed")
})
