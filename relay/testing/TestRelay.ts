import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Either, Exit, Schema, Scope } from "effect"
import { makeTokenVerifier } from "../../identity/TokenVerifier.ts"
import { type IssuerServer, startIssuerServer } from "../../identity/testing/IssuerServer.ts"
import { makeLog } from "../../platform/logs.ts"
import type { Listener } from "../../platform/tlsListener.ts"
import { type ClusterMaterial, newMaterial } from "../../protocol/material.ts"
import type { AuditLine } from "../audit/AuditLog.ts"
import { RelayConfiguration } from "../configuration/RelayConfiguration.ts"
import { Front } from "../http/Front.ts"
import { relayListener } from "../http/relayListener.ts"
import type { PolicyEntry } from "../policy/PolicyEntry.ts"
import { Relay } from "../Relay.ts"
import { type Settings, settingsOf } from "../Settings.ts"
import { openStore, type Store } from "../store/Store.ts"
import { ManualTime } from "./ManualTime.ts"

export const publicUrl = "https://relay.example.com"
const audience = "clusterconnect:relay.example.com"

/** A relay in this process on a port of its own, with a real https issuer, a database file and a clock that the test moves. */
export interface TestRelay extends AsyncDisposable {
  readonly port: number
  readonly http: string
  readonly ws: string
  readonly relay: Relay
  readonly store: Store
  readonly database: string
  readonly time: ManualTime
  readonly issuer: IssuerServer
  readonly listener: Listener
  readonly audit: AuditLine[]
  /** A token for this relay. */
  readonly token: (claims?: Record<string, unknown>) => string
  /** Replaces parts of the configuration, as a reload does. */
  readonly configure: (changes: Record<string, unknown>) => void
  /** Material of a new cluster, registered unless said otherwise. */
  readonly cluster: (name: string, register?: boolean) => Promise<ClusterMaterial>
  readonly call: (method: string, path: string, options?: CallOptions) => Promise<Answer>
}

export interface CallOptions {
  readonly token?: string
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
  readonly body: any
  readonly text: string
  /** Our word for a refusal. */
  readonly cause: string | undefined
}

export const everybody: PolicyEntry = { issuer: "main", claims: {}, clusters: ["*"], role: "connect" }

export const startTestRelay = async (changes: Record<string, unknown> = {}): Promise<TestRelay> => {
  const directory = mkdtempSync(join(tmpdir(), "clusterconnect-relay-"))
  const issuer = await startIssuerServer()
  const scope = Effect.runSync(Scope.make())
  const time = new ManualTime()
  const database = join(directory, "relay.db")
  const store = openStore(database)
  const audit: AuditLine[] = []
  const base = {
    publicUrl,
    listen: "127.0.0.1:0",
    database,
    issuers: [
      {
        name: "main",
        issuer: { url: issuer.url, certificateAuthority: issuer.caPem, audiences: [audience] },
        allowLoopback: true,
      },
    ],
    policy: [everybody],
  }
  const decode = (more: Record<string, unknown>) => {
    const configuration = Schema.decodeUnknownSync(RelayConfiguration)({ ...base, ...more })
    return { configuration, settings: Either.getOrThrow(settingsOf(configuration, [], "test")) }
  }
  let { configuration, settings }: { configuration: RelayConfiguration; settings: Settings } = decode(changes)
  const verifier = await Effect.runPromise(Scope.extend(makeTokenVerifier({ entries: settings.issuers }), scope))
  let listener: Listener | undefined
  const onAuthenticated = (socket: Parameters<Listener["authenticated"]>[0]) => listener?.authenticated(socket)
  const log = makeLog({ program: "relay", write: () => {} })
  const relay = new Relay({
    publicUrl,
    replica: "relay-0",
    log,
    store,
    audit: {
      write: (line) => void audit.push(line),
      writeNow: (line) => audit.push(line) > 0,
      failure: () => undefined,
      reopen: () => {},
      close: () => {},
    },
    settings: () => settings,
    verifier: () => verifier,
    time,
    onAuthenticated,
  })
  const front = new Front({
    routes: relay.routes,
    access: relay.access,
    settings: () => settings,
    log,
    audit: (line) => void audit.push(line),
    auditUnidentified: (line) => relay.unidentified.write(line),
    now: time.wall,
    onAuthenticated,
  })
  const opened = await Effect.runPromise(relayListener(configuration, () => settings.limits, front, log))
  listener = opened
  const http = `http://127.0.0.1:${opened.port}`
  return {
    port: opened.port,
    http,
    ws: `ws://127.0.0.1:${opened.port}`,
    relay,
    store,
    database,
    time,
    issuer,
    listener: opened,
    audit,
    token: (claims = {}) => issuer.token({ aud: audience, ...claims }),
    configure: (more) => {
      ;({ configuration, settings } = decode({ ...changes, ...more }))
      relay.settingsChanged()
    },
    cluster: async (name, register = true) => {
      const material = await newMaterial({
        cluster: name,
        relayUrl: publicUrl,
        audiences: {},
        rootDays: 1,
        leafDays: 1,
        now: time.wall(),
      })
      if (register)
        store.clusters.put({
          name,
          identityKey: material.document.identityKey,
          document: material.signedDocument,
          serial: material.document.serial,
          registeredAt: time.wall(),
        })
      return material
    },
    call: async (method, path, { token, body, headers = {} } = {}) => {
      const response = await fetch(http + path, {
        method,
        headers: {
          connection: "close",
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      })
      const text = await response.text()
      const parsed = text === "" || !text.startsWith("{") ? undefined : JSON.parse(text)
      const causes: { reason: string; message: string }[] = parsed?.details?.causes ?? []
      const cause = causes.find(({ reason }) => reason === "ClusterConnectCause")?.message
      return { status: response.status, text, body: parsed, cause }
    },
    [Symbol.asyncDispose]: async () => {
      relay.drain()
      await opened.close(0)
      await Effect.runPromise(Scope.close(scope, Exit.void))
      store.close()
      await issuer.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
