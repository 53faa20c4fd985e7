import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer } from "node:https"
import type { AddressInfo, Socket } from "node:net"
import type { JwtEntry } from "../JwtEntry.ts"
import { type PrivateCertificate, privateCertificate } from "./privateCertificate.ts"
import {
  keyFor,
  type MintAlgorithm,
  newSigningKeys,
  privateJwks,
  type SigningKeys,
  signCompact,
} from "./signingKeys.ts"

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A real https server with discovery and keys whose answers a test may replace, to see what an issuer can do to us. */
export interface IssuerServer {
  readonly url: string
  readonly caPem: string
  keys: SigningKeys
  /** Answers by path, in place of the good ones. */
  readonly answers: Map<string, Answer>
  /** How often each path was asked for. */
  readonly hits: Map<string, number>
  /** Sockets open at the moment. */
  readonly sockets: ReadonlySet<Socket>
  /** An entry that trusts this server. */
  readonly entry: (changes?: Partial<JwtEntry>) => JwtEntry
  /** A good token of this issuer, changed as given; an undefined claim or header member is left out. */
  readonly token: (claims?: Record<string, unknown>, options?: TokenOptions) => string
  readonly stop: () => Promise<void>
}

export interface TokenOptions {
  readonly header?: Record<string, unknown>
  readonly alg?: MintAlgorithm
  readonly keys?: SigningKeys
  /** Unix milliseconds; the true time when absent. */
  readonly nowMillis?: number
}

export const discoveryPath = "/.well-known/openid-configuration"
export const keysPath = "/keys"
/** A name that the servers' certificates are for, too; nothing resolves it. */
export const certifiedName = "idp.example.com"
export const audience = "clusterconnect:relay.example.com/edge-1"

let certificate: Promise<PrivateCertificate> | undefined

export const startIssuerServer = async (): Promise<IssuerServer> => {
  certificate ??= privateCertificate(["127.0.0.1", certifiedName])
  const { caPem, certificatePem, keyPem } = await certificate
  const answers = new Map<string, Answer>()
  const hits = new Map<string, number>()
  const sockets = new Set<Socket>()
  const server = createServer({ cert: certificatePem, key: keyPem })
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.on("error", () => undefined)
    socket.once("close", () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const good: Record<string, () => object> = {
    [discoveryPath]: () => ({ issuer: url, jwks_uri: `${url}${keysPath}` }),
    [keysPath]: () => ({ keys: publicJwks(issuer.keys) }),
  }
  server.on("request", (request, response) => {
    // Clients that break off in the middle are what some tests are about.
    request.on("error", () => undefined)
    response.on("error", () => undefined)
    const path = request.url ?? ""
    hits.set(path, (hits.get(path) ?? 0) + 1)
    const answer = answers.get(path)
    if (answer !== undefined) return answer(request, response)
    const document = good[path]?.()
    response.writeHead(document === undefined ? 404 : 200).end(JSON.stringify(document))
  })
  const issuer: IssuerServer = {
    url,
    caPem,
    keys: newSigningKeys(),
    answers,
    hits,
    sockets,
    entry: (changes = {}) => ({
      name: "main",
      issuer: { url, certificateAuthority: caPem, audiences: [audience] },
      claimMappings: { username: { claim: "sub", prefix: "oidc:" }, groups: { claim: "groups", prefix: "oidc:" } },
      allowLoopback: true,
      ...changes,
    }),
    token: (claims = {}, { header = {}, alg = "RS256", keys = issuer.keys, nowMillis = Date.now() } = {}) => {
      const now = Math.floor(nowMillis / 1000)
      const { kid, privateKey } = keyFor(keys, alg)
      return signCompact(
        JSON.stringify({ alg, kid, typ: "JWT", ...header }),
        JSON.stringify({ iss: url, sub: "alice", aud: audience, iat: now, exp: now + 300, jti: "id-1", ...claims }),
        alg,
        privateKey,
      )
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
        for (const socket of sockets) socket.destroy()
      }),
  }
  return issuer
}

const publicMembers = ["kty", "n", "e", "crv", "x", "y", "kid", "use", "alg"]

export const publicJwks = (keys: SigningKeys): Record<string, unknown>[] =>
  privateJwks(keys).map((jwk) =>
    Object.fromEntries(Object.entries(jwk).filter(([name]) => publicMembers.includes(name))),
  )
