import { mkdtemp, rm } from "node:fs/promises"
import http, { type IncomingMessage } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import tls from "node:tls"
import { makeLog } from "../../platform/logs.ts"
import { trustedRoots } from "../../platform/outbound.ts"
import type { CertificateAndKey } from "../../protocol/certificates.ts"
import { WindowBudget } from "../../protocol/stream/WindowBudget.ts"
import { type ClusterLink, clusterLink, type LinkOptions } from "../ClusterLink.ts"
import { type EndpointLimits, LocalEndpoint } from "../endpoint/LocalEndpoint.ts"
import { newLocalAuthority, newLocalLeaf } from "../endpoint/localCertificates.ts"
import { unreported } from "../events/report.ts"
import { RelayClient } from "../relay/RelayClient.ts"
import { RelayTokenGate } from "../tokens/RelayTokenGate.ts"
import { fixedToken, type TokenSource } from "../tokens/TokenSource.ts"
import { KnownClusters } from "../trust/KnownClusters.ts"
import { type FarEnd, jwt } from "./FarEnd.ts"

export const credential = "ccsession_test-credential-of-this-session"

let authority: Promise<CertificateAndKey> | undefined

/** A whole answer. */
export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly body: string
}

export interface NearOptions extends Partial<Pick<LinkOptions, "holdMillis" | "audience">> {
  readonly trust?: Partial<LinkOptions["trust"]>
  readonly relayToken?: string
  /** In place of a fixed token. */
  readonly relayTokens?: TokenSource
  readonly clusterToken?: string
  /** In place of a fixed one. */
  readonly clusterTokens?: TokenSource
  /** Audiences that earlier documents of clusters named. */
  readonly remembered?: ReadonlyMap<string, readonly string[]>
  readonly singleAudience?: boolean
  readonly relayUrl?: string
  readonly now?: () => number
  readonly limits?: Partial<EndpointLimits>
}

/** The proxy under test, in process: everything but the command line. */
export class NearEnd {
  readonly link: ClusterLink
  readonly endpoint: LocalEndpoint
  readonly authorityPem: string
  readonly clusterToken: string
  readonly logged: string[]
  readonly #directory: string
  readonly #agent: http.Agent

  private constructor(parts: {
    link: ClusterLink
    endpoint: LocalEndpoint
    authorityPem: string
    directory: string
    clusterToken: string
    logged: string[]
  }) {
    this.link = parts.link
    this.endpoint = parts.endpoint
    this.authorityPem = parts.authorityPem
    this.clusterToken = parts.clusterToken
    this.logged = parts.logged
    this.#directory = parts.directory
    this.#agent = new http.Agent({ keepAlive: false })
    this.#agent.createConnection = () => this.dial()
  }

  static async start(far: FarEnd, options: NearOptions = {}): Promise<NearEnd> {
    const directory = await mkdtemp(join(tmpdir(), "clusterconnect-proxy-"))
    const logged: string[] = []
    const log = makeLog({ program: "proxy", level: "debug", write: (line) => logged.push(line) })
    const { known = new KnownClusters(join(directory, "known-clusters.json")) } = options.trust ?? {}
    const entry = (_: string, cluster: string) => `entry of ${cluster}`
    const gate = new RelayTokenGate({
      source: options.relayTokens ?? fixedToken(options.relayToken ?? jwt({ aud: far.relayAudience }), "test"),
      relayAudience: far.relayAudience,
      defaultRelayAudience: far.relayAudience,
      clusterAudiences: [far.clusterAudience],
      relay: options.relayUrl ?? far.relayUrl,
      known: { audiences: async (relay) => options.remembered ?? (await known.audiences(relay)), entry },
      singleAudience: options.singleAudience ?? false,
    })
    const clusterToken = options.clusterToken ?? jwt({ aud: far.clusterAudience, jti: "cluster" })
    try {
      const link = await clusterLink({
        cluster: far.cluster,
        token: options.clusterTokens ?? fixedToken(clusterToken, "test"),
        audience: options.audience,
        relayAudience: far.relayAudience,
        singleAudience: options.singleAudience ?? false,
        gate,
        relay: new RelayClient({
          relay: options.relayUrl ?? far.relayUrl,
          proxy: {},
          roots: () => trustedRoots(),
          relayToken: () => gate.token(),
        }),
        trust: {
          known,
          givenPin: far.material.pin,
          acceptNewPin: false,
          confirm: undefined,
          ...options.trust,
        },
        budget: new WindowBudget(64 * 1024 * 1024),
        log,
        report: unreported,
        ...(options.holdMillis === undefined ? {} : { holdMillis: options.holdMillis }),
      })
      authority ??= newLocalAuthority(new Date())
      const relay = options.relayUrl ?? far.relayUrl
      const context = {
        cluster: far.cluster,
        relay,
        profile: undefined,
        pool: link.pool,
        clusterToken: link.token,
        log,
      }
      const endpoint = new LocalEndpoint(
        context,
        await newLocalLeaf(await authority, new Date()),
        credential,
        options.limits,
      )
      await endpoint.listen(0)
      const authorityPem = (await authority).certificatePem
      return new NearEnd({ link, endpoint, authorityPem, directory, clusterToken, logged })
    } catch (error) {
      await rm(directory, { recursive: true })
      throw error
    }
  }

  get host(): string {
    return `127.0.0.1:${this.endpoint.port}`
  }

  /** A TLS connection as kubectl makes it. */
  dial(): tls.TLSSocket {
    return tls.connect({
      host: "127.0.0.1",
      port: this.endpoint.port,
      ca: [this.authorityPem],
      rejectUnauthorized: true,
      ALPNProtocols: ["http/1.1"],
      allowHalfOpen: true,
    } as tls.ConnectionOptions)
  }

  /** A request with the session credential; headers as a flat list. */
  request(method: string, target: string, headers: readonly string[] = []): http.ClientRequest {
    return this.bareRequest(method, target, ["Host", this.host, "Authorization", `Bearer ${credential}`, ...headers])
  }

  bareRequest(method: string, target: string, headers: readonly string[]): http.ClientRequest {
    return http.request({ agent: this.#agent, method, path: target, headers: [...headers] })
  }

  get(target: string, headers: readonly string[] = []): Promise<Answer> {
    return answer(this.request("GET", target, headers))
  }

  async stop(): Promise<void> {
    this.#agent.destroy()
    await this.endpoint.close()
    this.link.pool.close()
    await rm(this.#directory, { recursive: true })
  }
}

/** Sends the request (with a body, if given) and reads the whole answer; rejects when it is cut. */
export const answer = (request: http.ClientRequest, body?: string | Buffer): Promise<Answer> =>
  new Promise((resolve, reject) => {
    request.on("error", reject)
    request.on("response", (response: IncomingMessage) => {
      const chunks: Buffer[] = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("error", reject)
      response.on("aborted", () => reject(new Error("the answer was cut")))
      response.on("end", () => {
        if (!response.complete) return reject(new Error("the answer was cut"))
        const { statusCode: status = 0, headers, rawHeaders } = response
        resolve({ status, headers, rawHeaders, body: Buffer.concat(chunks).toString("utf8") })
      })
    })
    request.end(body)
  })
