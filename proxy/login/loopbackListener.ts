import { randomBytes } from "node:crypto"
import http from "node:http"
import type { AddressInfo } from "node:net"
import { NotAuthenticated } from "../failures.ts"

const loopback = "127.0.0.1"
/** For the entry and the cookie: nobody guesses 128 bits. */
const unguessableBytes = 16
const callbackPath = "/callback"
/** A last page to a browser of this machine takes milliseconds; who holds connections open does not hold up the login. */
const closingMillis = 1_000

/** Where a browser brings the provider's answer. */
export interface LoopbackListener extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/callback` */
  readonly redirect: string
  /**
   * What a browser is sent to: it forwards to the provider. It is as good as the login itself: who opens it first can bring the answer
   * to a login of his own, so others on this machine must not learn it. Once: a second visitor ends the login.
   */
  readonly address: string
  readonly forward: (provider: URL) => void
  /** The URL with code and state; rejects with the signal's reason, or with NotAuthenticated when somebody else came too. */
  readonly answer: Promise<URL>
  /** Throws NotAuthenticated when a second visitor came after the answer: asked when tokens are there, before they are used. */
  readonly undisturbed: () => void
}

/**
 * Listens on loopback at the first of the ports that is free, else at any. Only an answer with the expected state counts, and only
 * from the browser that opened the address, which a cookie shows (RFC 6749, 10.12): whatever else some page or program on this
 * machine sends changes nothing. `say` is for the person, who may wait at the terminal while the browser shows that; a line, once.
 */
export const loopbackListener = async (
  ports: readonly number[],
  state: string,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<LoopbackListener> => {
  const came = Promise.withResolvers<URL>()
  came.promise.catch(() => {})
  let provider: URL | undefined
  const entry = `/${unguessable()}`
  const secret = unguessable()
  let visits = 0
  let strayTold = false
  const server = http.createServer((req, res) => {
    const page = (code: number, text: string, more: Record<string, string> = {}) =>
      res
        .writeHead(code, {
          "content-type": "text/html; charset=utf-8",
          "cache-control": "no-store",
          connection: "close",
          ...more,
        })
        .end(`<!doctype html><title>ClusterConnect</title><p>${text}</p>`)
    if (req.method !== "GET" || req.headers.host !== new URL(redirect).host) return void page(404, "Nothing is here.")
    if (req.url === entry && provider !== undefined) {
      visits += 1
      if (visits === 1) return void page(302, "", { location: provider.href, "set-cookie": cookie(secret) })
      page(410, "This login was begun twice, so it was ended. See the terminal.")
      came.reject(enteredTwice())
      return
    }
    const target = req.url ?? ""
    // `//` and the like are no target.
    if (!URL.canParse(target, redirect)) return void page(404, "Nothing is here.")
    const url = new URL(target, redirect)
    if (url.pathname !== callbackPath) return void page(404, "Nothing is here.")
    if (url.searchParams.get("state") !== state)
      return void page(400, "This is not the answer to the login that is waiting here.")
    if (!(req.headers.cookie ?? "").split(/; */).includes(`${cookieName}=${secret}`)) {
      if (!strayTold) say(strayAnswer)
      strayTold = true
      return void page(
        400,
        "This login was begun in another browser, or another profile of it. End it in the terminal and begin again from this one, or with --device-code.",
      )
    }
    page(
      200,
      url.searchParams.has("error")
        ? "The login was refused. See the terminal."
        : "You are logged in. This page can be closed.",
      { "set-cookie": `${cookie("")}; Max-Age=0` },
    )
    came.resolve(url)
  })
  await listening(server, [...ports, 0])
  const { port } = server.address() as AddressInfo
  const redirect = `http://${loopback}:${port}${callbackPath}`
  // A host's cookies are those of all its ports (RFC 6265, 8.5): two logins at once must not overwrite each other's.
  const cookieName = `clusterconnect-login-${port}`
  // Lax and not Strict: the answer comes by another site's redirect. No Secure: loopback is http (RFC 8252, 7.3).
  const cookie = (value: string) => `${cookieName}=${value}; Path=${callbackPath}; HttpOnly; SameSite=Lax`
  const onAbort = () => came.reject(signal.reason)
  signal.addEventListener("abort", onAbort, { once: true })
  if (signal.aborted) onAbort()
  return {
    redirect,
    address: new URL(entry, redirect).href,
    forward: (to) => {
      provider = to
    },
    answer: came.promise,
    undisturbed: () => {
      if (visits > 1) throw enteredTwice()
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        signal.removeEventListener("abort", onAbort)
        // The page that says so is still on its way.
        const late = setTimeout(() => server.closeAllConnections(), closingMillis)
        server.close(() => {
          clearTimeout(late)
          resolve()
        })
        server.closeIdleConnections()
      }),
  }
}

const unguessable = () => randomBytes(unguessableBytes).toString("base64url")

const strayAnswer =
  "An answer to this login came from another browser, or another profile of it, than the one that began, and was not taken. If it was yours, end this login and begin again from that one, or with --device-code"

/** The provider's page with this login's parameters was given out twice: to the person, and to whom else is not known. */
const enteredTwice = () =>
  new NotAuthenticated({
    hop: "proxy",
    cause: "LoginEnteredTwice",
    detail:
      "the address of this login was opened twice, expected once by your browser: another program or user of this machine may have been there, so the login was ended. Try again; where it happens again, log in with --device-code",
  })

const listening = async (server: http.Server, ports: readonly number[]): Promise<void> => {
  for (const [index, port] of ports.entries()) {
    const taken = await new Promise<boolean>((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException) => {
        server.off("listening", onListening)
        if (index < ports.length - 1 && (error.code === "EADDRINUSE" || error.code === "EACCES")) resolve(true)
        else reject(error)
      }
      const onListening = () => {
        server.off("error", onError)
        resolve(false)
      }
      server.once("error", onError).once("listening", onListening).listen(port, loopback)
    })
    if (!taken) return
  }
}
