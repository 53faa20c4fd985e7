import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import tls from "node:tls"
import { Effect, Exit, Logger, Scope } from "effect"
import { stringify } from "yaml"
import { callerHash } from "../../../identity/callerHash.ts"
import { audience, type IssuerServer, startIssuerServer } from "../../../identity/testing/IssuerServer.ts"
import { writeFileAtomic } from "../../../platform/files.ts"
import { makeLog } from "../../../platform/logs.ts"
import { connectWebSocket } from "../../../platform/outbound.ts"
import { newLeaf, newRoot } from "../../../protocol/certificates.ts"
import {
  callerHashHeader,
  clientAddressHeader,
  clusterServerName,
  instanceHeader,
  path,
  streamProtocol,
} from "../../../protocol/names.ts"
import { type ClientStream, openStream } from "../../../protocol/stream/ClientStream.ts"
import { WindowBudget } from "../../../protocol/stream/WindowBudget.ts"
import { type AuthProxy, type AuthProxyOptions, startAuthProxy } from "../AuthProxy.ts"
import { RawConnection } from "./RawConnection.ts"
import { type RecordingServer, startRecordingServer } from "./RecordingServer.ts"

export const clusterName = "edge-1"
export const relay = "https://relay.example.com"
export const clientAddress = "203.0.113.7"
export const serviceAccountToken = "service-account-token-of-the-bench"

/** Parts of the configuration file to replace, by dotted path. */
export type Changes = Readonly<Record<string, unknown>>

/** The real auth proxy in this process, reached through real streams and end-to-end TLS; a recorder is its API server. */
export interface AuthProxyBench {
  readonly issuer: IssuerServer
  readonly upstream: RecordingServer
  readonly authProxy: AuthProxy
  readonly directory: string
  readonly rootPem: string
  /** Every log line so far, as text. */
  readonly log: string[]
  /** Lines of the audit log so far. */
  readonly audit: () => readonly Record<string, unknown>[]
  /** Resolves with the audit line of a request to this path. */
  readonly auditOf: (path: string) => Promise<Record<string, unknown>>
  /** A good token for this cluster. */
  readonly token: (claims?: Record<string, unknown>) => string
  /** A new stream with end-to-end TLS on it. */
  readonly connect: (options?: tls.ConnectionOptions, subject?: string) => Promise<RawConnection>
  /** `subject`: whose stream it is, as the relay says. */
  readonly openStream: (
    onSocket?: Parameters<typeof openStream>[0]["onSocket"],
    subject?: string,
  ) => Promise<ClientStream>
  /** Writes the configuration with these changes and waits until it was taken or refused. */
  readonly reconfigure: (changes: Changes) => Promise<boolean>
  readonly file: (name: string) => string
  /** Puts a new serving certificate under the same root into the files. */
  readonly renewCertificate: () => Promise<void>
  readonly stop: () => Promise<void>
}

const budget = new WindowBudget(64 * 1024 * 1024)

export const startBench = async (
  changes: Changes = {},
  options: Partial<Pick<AuthProxyOptions, "limits" | "drainMillis" | "holdMillis" | "environment" | "memoryUse">> & {
    readonly apiServer?: { readonly url: string; readonly caPem: string; readonly token: string }
  } = {},
): Promise<AuthProxyBench> => {
  const directory = await mkdtemp(join(tmpdir(), "clusterconnect-authproxy-"))
  const file = (name: string) => join(directory, name)
  const issuer = await startIssuerServer()
  const upstream = await startRecordingServer()
  const api = options.apiServer ?? { url: upstream.url, caPem: upstream.caPem, token: serviceAccountToken }
  const root = await newRoot(clusterName, 30, new Date())
  const leaf = await newLeaf(root, clusterName, 30, new Date())
  const write = (name: string, text: string) => writeFile(file(name), text, { mode: 0o600 })
  await write("serving.crt", leaf.certificatePem)
  await write("serving.key", leaf.keyPem)
  await write("token", api.token)
  await write("ca.crt", api.caPem)
  const text = (changed: Changes) =>
    stringify(
      withChanges(
        {
          clusterName,
          relay: { url: relay },
          authentication: { jwt: [issuer.entry()] },
          apiServer: { url: api.url, caFile: file("ca.crt"), tokenFile: file("token") },
        },
        changed,
      ),
    )
  await write("config.yaml", text(changes))
  const log: string[] = []
  const waiting = new Set<() => void>()
  const scope = Effect.runSync(Scope.make())
  const authProxy = await Effect.runPromise(
    startAuthProxy({
      configurationFile: file("config.yaml"),
      environment: options.environment ?? {},
      certificate: { certFile: file("serving.crt"), keyFile: file("serving.key") },
      listen: { host: "127.0.0.1", port: 0 },
      drainMillis: options.drainMillis ?? 1_000,
      ...(options.holdMillis === undefined ? {} : { holdMillis: options.holdMillis }),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      ...(options.memoryUse === undefined ? {} : { memoryUse: options.memoryUse }),
      log: makeLog({
        program: "auth proxy",
        level: "debug",
        write: (line) => {
          log.push(line)
          for (const look of [...waiting]) look()
        },
      }),
    }).pipe(Scope.extend(scope), Effect.provide(Logger.remove(Logger.defaultLogger))),
  )
  await Effect.runPromise(authProxy.policy.current().verifier.awaitReady)
  const audit = () => log.map((line) => JSON.parse(line)).filter((line) => line.message === "audit")
  const open: AuthProxyBench["openStream"] = (onSocket, subject = "alice") =>
    openStream({
      budget,
      holdMillis: 2_000,
      ...(onSocket === undefined ? {} : { onSocket }),
      dial: ({ instance, signal }) =>
        connectWebSocket(`ws://127.0.0.1:${authProxy.port}${path.authProxyCarrier}`, {
          protocols: [streamProtocol],
          headers: {
            [callerHashHeader]: callerHash(issuer.url, subject),
            [clientAddressHeader]: clientAddress,
            ...(instance === undefined ? {} : { [instanceHeader]: instance }),
          },
          signal,
        } as never),
    })
  const connections: tls.TLSSocket[] = []
  const streams: ClientStream[] = []
  return {
    issuer,
    upstream,
    authProxy,
    directory,
    rootPem: root.certificatePem,
    log,
    audit,
    auditOf: (wanted) =>
      new Promise((resolve) => {
        const look = () => {
          const found = audit().find((line) => line.path === wanted)
          if (found === undefined) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
    token: (claims = {}) => issuer.token({ aud: audience, ...claims }),
    openStream: open,
    connect: async (tlsOptions = {}, subject = "alice") => {
      const stream = await open(undefined, subject)
      streams.push(stream)
      return new Promise((resolve, reject) => {
        const socket = tls.connect({
          socket: stream.socket,
          ca: root.certificatePem,
          servername: clusterServerName(clusterName),
          rejectUnauthorized: true,
          ALPNProtocols: ["http/1.1"],
          allowHalfOpen: true,
          ...tlsOptions,
        } as tls.ConnectionOptions)
        connections.push(socket)
        socket.once("secureConnect", () =>
          resolve(new RawConnection(socket, { leave: () => stream.destroy(), end: () => void stream.socket.end() })),
        )
        socket.once("error", reject)
        socket.once("close", () => reject(new Error("closed during the handshake")))
      })
    },
    reconfigure: async (changed) => {
      await writeFileAtomic(file("config.yaml"), text(changed))
      return Effect.runPromise(authProxy.policy.reload)
    },
    file,
    renewCertificate: async () => {
      const renewed = await newLeaf(root, clusterName, 30, new Date())
      await writeFileAtomic(file("serving.key"), renewed.keyPem)
      await writeFileAtomic(file("serving.crt"), renewed.certificatePem)
    },
    stop: async () => {
      for (const socket of connections) socket.destroy()
      for (const stream of streams) stream.destroy()
      await Effect.runPromise(Scope.close(scope, Exit.void))
      await upstream.stop()
      await issuer.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

const withChanges = (base: Record<string, unknown>, changes: Changes): Record<string, unknown> => {
  const result = structuredClone(base)
  for (const [dotted, value] of Object.entries(changes)) {
    const keys = dotted.split(".")
    const last = keys.pop() ?? ""
    let at: Record<string, unknown> = result
    for (const key of keys) {
      at[key] ??= {}
      at = at[key] as Record<string, unknown>
    }
    at[last] = value
  }
  return result
}

/** A request's text: line, Host, a bearer token where given, further header lines, empty line, body. */
export const request = (
  line: string,
  options: { readonly token?: string; readonly headers?: readonly string[]; readonly body?: string } = {},
): string =>
  [
    `${line} HTTP/1.1`,
    "Host: edge-1.clusterconnect.internal",
    ...(options.token === undefined ? [] : [`Authorization: Bearer ${options.token}`]),
    ...(options.headers ?? []),
    "",
    options.body ?? "",
  ].join("\r\n")

/** The cause that a Status of ours names. */
export const causeOf = (body: string): string | undefined =>
  (JSON.parse(body) as { details?: { causes?: { reason: string; message: string }[] } }).details?.causes?.find(
    ({ reason }) => reason === "ClusterConnectCause",
  )?.message
