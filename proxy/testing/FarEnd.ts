import http, { type IncomingMessage, type ServerResponse } from "node:http"
import https from "node:https"
import type { AddressInfo, Socket } from "node:net"
import tls from "node:tls"
import { type WebSocket, WebSocketServer } from "ws"
import { newLeaf, newRoot } from "../../protocol/certificates.ts"
import { type ClusterDocument, signDocument } from "../../protocol/document.ts"
import { type ClusterMaterial, newMaterial } from "../../protocol/material.ts"
import { path, streamProtocol } from "../../protocol/names.ts"
import { type Refusal, refusalResponse } from "../../protocol/status.ts"
import { type ServerStream, StreamServer } from "../../protocol/stream/StreamServer.ts"
import { WindowBudget } from "../../protocol/stream/WindowBudget.ts"

/** A token with these claims; nobody in these tests verifies its signature. */
export const jwt = (claims: Record<string, unknown>): string =>
  [
    { alg: "RS256", typ: "JWT" },
    { exp: Math.floor(Date.now() / 1000) + 3_600, sub: "alice", iss: "https://idp.example", ...claims },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .concat("c2lnbmF0dXJl")
    .join(".")

export type Handle = (req: IncomingMessage, res: ServerResponse) => void
export type HandleUpgrade = (req: IncomingMessage, socket: Socket, head: Buffer) => void

/**
 * A relay and an auth proxy in one process, with the real streams and the real end-to-end TLS between them and the proxy under
 * test. What the API server would say is up to the test.
 */
export class FarEnd {
  readonly cluster: string
  readonly relayUrl: string
  readonly streams: StreamServer
  material: ClusterMaterial
  document: string
  /** What the API server behind the auth proxy does. */
  handle: Handle = (req, res) => res.end(JSON.stringify({ target: req.url, headers: req.rawHeaders }))
  handleUpgrade: HandleUpgrade = (_req, socket) => socket.destroy()
  /** What the auth proxy does with a stream that it has accepted: end-to-end TLS. */
  serve = (stream: ServerStream): void => void this.#tls.emit("connection", stream.socket)
  /** What the relay says instead of serving. */
  refuses: ((req: IncomingMessage) => Refusal | undefined) | undefined
  agentSessions = 1
  /** What the relay lists beside this cluster. */
  otherClusters: readonly string[] = []
  /** How far the relay's clock is off. */
  clockShiftMillis = 0
  readonly relayCalls: { readonly method: string; readonly target: string; readonly authorization: string }[] = []
  readonly requests: { readonly method: string; readonly target: string; readonly rawHeaders: readonly string[] }[] = []
  readonly carriers = new Set<WebSocket>()
  readonly serverStreams: ServerStream[] = []
  readonly #relay: http.Server
  readonly #sockets = new Set<Socket>()
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: () => streamProtocol,
  })
  readonly #api = http.createServer({ maxHeaderSize: 65_536 })
  #tls: tls.Server

  private constructor(cluster: string, relay: http.Server, material: ClusterMaterial) {
    this.cluster = cluster
    this.relayUrl = material.document.relayUrl
    this.material = material
    this.document = material.signedDocument
    this.#relay = relay
    this.#tls = this.#tlsServer(material.leaf)
    this.#api.on("request", (req, res) => {
      this.requests.push({ method: req.method ?? "", target: req.url ?? "", rawHeaders: req.rawHeaders })
      res.on("error", () => {})
      this.handle(req, res)
    })
    this.#api.on("upgrade", (req, socket: Socket, head) => {
      this.requests.push({ method: req.method ?? "", target: req.url ?? "", rawHeaders: req.rawHeaders })
      this.handleUpgrade(req, socket, head)
    })
    this.streams = new StreamServer({
      bootNonce: "boot",
      budget: new WindowBudget(64 * 1024 * 1024),
      limits: { perCaller: 256, total: 2_000 },
      onStream: (stream) => {
        this.serverStreams.push(stream)
        this.serve(stream)
      },
    })
    relay.on("connection", (socket) => {
      this.#sockets.add(socket)
      socket.once("close", () => this.#sockets.delete(socket))
    })
    relay.on("request", (req, res) => this.#relayRequest(req, res))
    relay.on("upgrade", (req, socket, head) => this.#relayUpgrade(req, socket as Socket, head))
  }

  /** With a certificate the relay speaks TLS, as a real one. `at`: where it listens, and the host in its URL. */
  static async start(
    cluster = "edge-1",
    audiences: Record<string, string> = {},
    certificate?: { readonly cert: string; readonly key: string },
    at: { readonly address: string; readonly host: string } = { address: "127.0.0.1", host: "127.0.0.1" },
  ): Promise<FarEnd> {
    const relay = certificate === undefined ? http.createServer() : https.createServer(certificate)
    await new Promise<void>((resolve) => relay.listen(0, at.address, resolve))
    const scheme = certificate === undefined ? "http" : "https"
    const relayUrl = `${scheme}://${at.host}:${(relay.address() as AddressInfo).port}`
    const material = await newMaterial({ cluster, relayUrl, audiences, rootDays: 2, leafDays: 1, now: new Date() })
    return new FarEnd(cluster, relay, material)
  }

  get relayAudience(): string {
    return `clusterconnect:${new URL(this.relayUrl).host}`
  }

  get clusterAudience(): string {
    return `${this.relayAudience}/${this.cluster}`
  }

  /** A new root and leaf take over at once, as after an emergency rotation; the document says so. */
  async rotate(publish = true): Promise<void> {
    const root = await newRoot(this.cluster, 2, new Date())
    const leaf = await newLeaf(root, this.cluster, 1, new Date())
    this.#tls = this.#tlsServer(leaf)
    if (publish) this.publish({ roots: [root.certificatePem], serial: this.material.document.serial + 1 })
  }

  /** Serves a certificate of the right root that names another cluster. */
  async serveAs(other: string): Promise<void> {
    this.#tls = this.#tlsServer(await newLeaf(this.material.root, other, 1, new Date()))
  }

  publish(change: Partial<ClusterDocument>, key = this.material.identityKey): void {
    const document = { ...this.material.document, ...change }
    this.material = { ...this.material, document }
    this.document = signDocument(document, key)
  }

  /** Cuts every carrier now, as a relay that is killed. */
  cutCarriers(): void {
    for (const carrier of this.carriers) carrier.terminate()
  }

  async stop(): Promise<void> {
    this.streams.closeAll("test-over")
    this.cutCarriers()
    const closed = new Promise<void>((resolve) => this.#relay.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #tlsServer(leaf: { readonly certificatePem: string; readonly keyPem: string }): tls.Server {
    const options = {
      cert: leaf.certificatePem,
      key: leaf.keyPem,
      minVersion: "TLSv1.3" as const,
      ALPNProtocols: ["http/1.1"],
      allowHalfOpen: true,
    }
    const server = tls.createServer(options, (socket) => {
      socket.on("error", () => {})
      this.#api.emit("connection", socket)
    })
    server.on("tlsClientError", () => {})
    return server
  }

  #refusal(req: IncomingMessage): Refusal | undefined {
    this.relayCalls.push({
      method: req.method ?? "",
      target: req.url ?? "",
      authorization: req.headers.authorization ?? "",
    })
    const known = [path.clusters, path.cluster(this.cluster), path.stream(this.cluster)].includes(req.url ?? "")
    return (
      this.refuses?.(req) ??
      (known
        ? undefined
        : { code: 404, hop: "relay", cause: "ClusterUnknown", message: "no such cluster, or not for you" })
    )
  }

  #relayRequest(req: IncomingMessage, res: ServerResponse): void {
    if (req.url === "/openapi.json") {
      const body = JSON.stringify({ info: { title: "ClusterConnect relay" } })
      const date = new Date(Date.now() + this.clockShiftMillis).toUTCString()
      res.writeHead(200, { "content-type": "application/json", "content-length": body.length, date }).end(body)
      return
    }
    const refusal = this.#refusal(req)
    if (refusal !== undefined) {
      const { headers, body } = refusalResponse(refusal)
      res.writeHead(refusal.code, headers).end(body)
      return
    }
    const names = [this.cluster, ...this.otherClusters]
    const listed = { clusters: names.map((clusterName) => ({ clusterName, agentSessions: this.agentSessions })) }
    const about = {
      clusterName: this.cluster,
      document: this.document,
      agentSessions: this.agentSessions,
      streamProtocols: [streamProtocol],
    }
    const body = JSON.stringify(req.url === path.clusters ? listed : about)
    res.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) }).end(body)
  }

  #relayUpgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    const refusal = this.#refusal(req)
    if (refusal !== undefined) {
      const { headers, body } = refusalResponse(refusal)
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      socket.end(`HTTP/1.1 ${refusal.code} Refused\r\n${lines.join("")}connection: close\r\n\r\n${body}`)
      return
    }
    this.#webSockets.handleUpgrade(req, socket, head, (ws) => {
      this.carriers.add(ws)
      ws.once("close", () => this.carriers.delete(ws))
      ws.on("error", () => {})
      this.streams.attach(ws, { instance: "127.0.0.1:1#boot", callerHash: "alice", clientAddress: "127.0.0.1" })
    })
  }
}
