import type { KeyObject } from "node:crypto"
import { randomUUID } from "node:crypto"
import { createServer } from "node:https"
import type { AddressInfo, Socket } from "node:net"
import Provider, { type ClientMetadata, type Configuration, type JWK } from "oidc-provider"
import { privateCertificate } from "../../identity/testing/privateCertificate.ts"
import {
  keyFor,
  type MintAlgorithm,
  newSigningKeys,
  privateJwks,
  signCompact,
} from "../../identity/testing/signingKeys.ts"
import { completeInteraction, interactionPath, isInteraction } from "./login.ts"
import { memoryStore } from "./memoryStore.ts"

export type Claims = Readonly<Record<string, unknown>>

export interface IdentityProviderOptions {
  /** Address to listen on; 127.0.0.1 when absent. */
  readonly listenHost?: string
  /** 0 (any free one) when absent. */
  readonly port?: number
  /** Host names and addresses in the certificate beside listenHost; the first one is the issuer's host. */
  readonly names?: readonly string[]
  /** People who can log in, by subject, with the claims their tokens carry. One account `alice` in the group `developers` when absent. */
  readonly accounts?: Readonly<Record<string, Claims>>
  /** Clients that log in with a secret (client credentials), by client id. */
  readonly workloads?: Readonly<Record<string, { readonly secret: string; readonly claims?: Claims }>>
  /** How long access tokens live; 600 when absent. */
  readonly accessTokenSeconds?: number
}

export interface MintOptions {
  /** The token's `aud`: one audience as a string, several as a list. */
  readonly audience: string | readonly string[]
  /** From the provider's (shifted) now; 300 when absent, negative for an expired token. */
  readonly expiresInSeconds?: number
  readonly alg?: MintAlgorithm
  /** A key other than the provider's, for forgeries. */
  readonly key?: KeyObject
  /** Additions to the header; `kid` can be replaced here too. */
  readonly header?: Claims
}

export interface IdentityProvider {
  readonly issuer: string
  readonly caPem: string
  readonly port: number
  /** Signs any claims with the provider's real key. `iss`, `aud`, `iat`, `exp`, `jti` and `sub` are filled in unless given; a claim given as undefined is left out. */
  readonly mint: (claims: Claims, options: MintOptions) => Promise<string>
  /** Signs with new keys from now on. The old ones stay published unless `withdrawOld`. */
  readonly rotateKeys: (options?: { readonly withdrawOld?: boolean }) => Promise<void>
  /** Moves the clock that tokens are dated by; 0 is the true time. */
  readonly shiftClock: (seconds: number) => void
  /** How many requests were answered, by path. */
  readonly requests: ReadonlyMap<string, number>
  /** Ends all connections. */
  readonly stop: () => Promise<void>
  /** Listens again after `stop`, on the same port and with the same keys. */
  readonly start: () => Promise<void>
}

/** The public client for people: authorization code with PKCE on any loopback port, device code, refresh tokens. */
export const publicClientId = "clusterconnect"
export const loopbackRedirect = "http://127.0.0.1/callback"

const defaultAccounts = { alice: { groups: ["developers"], email: "alice@example.com", email_verified: true } }
const defaultSeconds = 600

/** A real OpenID provider on https with a certification authority of its own. Any absolute URI can be requested as `resource` and becomes the audience. */
export const startIdentityProvider = async (options: IdentityProviderOptions = {}): Promise<IdentityProvider> => {
  const { listenHost = "127.0.0.1", names = [], accounts = defaultAccounts, workloads = {} } = options
  const hosts = [...new Set([...names, listenHost])]
  const certificate = await privateCertificate(hosts)
  const store = memoryStore()
  const requests = new Map<string, number>()
  let keys = newSigningKeys()
  let published = privateJwks(keys)
  let shiftSeconds = 0
  const server = createServer({ cert: certificate.certificatePem, key: certificate.keyPem })
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
  })
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject)
      server.listen(port, listenHost, resolve)
    })
  await listen(options.port ?? 0)
  const { port } = server.address() as AddressInfo
  const host = hosts[0] ?? listenHost
  const issuer = `https://${host.includes(":") ? `[${host}]` : host}:${port}`

  const newProvider = () =>
    new Provider(issuer, {
      ...configuration(accounts, workloads, options.accessTokenSeconds ?? defaultSeconds),
      adapter: store,
      jwks: { keys: published as unknown as JWK[] },
      formats: {
        customizers: {
          jwt: (_context, _token, parts) => {
            const { payload } = parts
            for (const claim of ["iat", "exp"]) if (typeof payload[claim] === "number") payload[claim] += shiftSeconds
          },
        },
      },
    })
  let provider = newProvider()
  server.on("request", (request, response) => {
    const path = request.url?.split("?")[0] ?? ""
    requests.set(path, (requests.get(path) ?? 0) + 1)
    if (!isInteraction(request)) return void provider.callback()(request, response)
    completeInteraction(provider, new Set(Object.keys(accounts)), request, response).catch((error: unknown) => {
      response.writeHead(400, { "content-type": "text/plain" }).end(String(error))
    })
  })

  return {
    issuer,
    caPem: certificate.caPem,
    port,
    requests,
    mint: async (claims, { audience, expiresInSeconds = 300, alg = "RS256", key, header = {} }) => {
      const now = Math.floor(Date.now() / 1000) + shiftSeconds
      const own = keyFor(keys, alg)
      return signCompact(
        JSON.stringify({ alg, kid: own.kid, typ: "JWT", ...header }),
        JSON.stringify({
          iss: issuer,
          sub: "alice",
          aud: audience,
          iat: now,
          exp: now + expiresInSeconds,
          jti: randomUUID(),
          ...claims,
        }),
        alg,
        key ?? own.privateKey,
      )
    },
    rotateKeys: async ({ withdrawOld = false } = {}) => {
      keys = newSigningKeys()
      published = withdrawOld ? privateJwks(keys) : [...privateJwks(keys), ...published]
      provider = newProvider()
    },
    shiftClock: (seconds) => {
      shiftSeconds = seconds
    },
    start: () => listen(port),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
        for (const socket of sockets) socket.destroy()
      }),
  }
}

const configuration = (
  accounts: Readonly<Record<string, Claims>>,
  workloads: NonNullable<IdentityProviderOptions["workloads"]>,
  accessTokenSeconds: number,
): Configuration => {
  const publicClient: ClientMetadata = {
    client_id: publicClientId,
    application_type: "native",
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
    response_types: ["code"],
    redirect_uris: [loopbackRedirect],
  }
  const workloadClients = Object.entries(workloads).map(([client_id, { secret }]) => ({
    client_id,
    client_secret: secret,
    grant_types: ["client_credentials"],
    response_types: [],
    redirect_uris: [],
  }))
  return {
    clients: [publicClient, ...workloadClients],
    claims: { openid: ["sub", "groups"], email: ["email", "email_verified"], profile: ["name"] },
    scopes: ["openid", "offline_access", "email", "profile"],
    conformIdTokenClaims: false,
    findAccount: (_context, sub) =>
      sub in accounts ? { accountId: sub, claims: async () => ({ sub, ...accounts[sub] }) } : undefined,
    extraTokenClaims: (_context, token) => {
      if ("accountId" in token && typeof token.accountId === "string") return { ...accounts[token.accountId] }
      return { ...workloads[token.clientId ?? ""]?.claims }
    },
    interactions: { url: (_context, interaction) => interactionPath(interaction.uid) },
    cookies: { keys: [randomUUID()] },
    issueRefreshToken: async (_context, client) => client.grantTypeAllowed("refresh_token"),
    ttl: {
      AccessToken: accessTokenSeconds,
      ClientCredentials: accessTokenSeconds,
      IdToken: accessTokenSeconds,
      DeviceCode: defaultSeconds,
      Grant: 86_400,
      Interaction: defaultSeconds,
      Session: 86_400,
      RefreshToken: 86_400,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      deviceFlow: {
        enabled: true,
        userCodeConfirmSource: async (context, form, client, _deviceInfo, userCode) => {
          const button = '<button type="submit" form="op.deviceConfirmForm">Log in</button>'
          context.body = page(`<p>Log in ${client.clientId} with the code ${userCode}?</p>${form}${button}`)
        },
        successSource: async (context) => {
          context.body = page("<p>You are logged in. This page can be closed.</p>")
        },
      },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: async () => true,
        getResourceServerInfo: async (_context, resource) => ({
          audience: resource,
          scope: "openid",
          accessTokenFormat: "jwt",
          accessTokenTTL: accessTokenSeconds,
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  }
}

const page = (body: string) => `<!doctype html><html lang="en"><title>Test identity provider</title>${body}</html>`
