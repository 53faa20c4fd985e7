import { Either } from "effect"
import type { TokenVerifierService } from "../identity/TokenVerifier.ts"
import type { Log } from "../platform/logs.ts"
import { version } from "../platform/version.ts"
import { type Hello, maxControlBytes } from "../protocol/control.ts"
import { closeCode, controlProtocol } from "../protocol/names.ts"
import type { AuditLog } from "./audit/AuditLog.ts"
import { UnidentifiedLines } from "./audit/UnidentifiedLines.ts"
import { Access } from "./callers/Access.ts"
import { sessionSilenceMillis } from "./configuration/limits.ts"
import { type AdmittedAgent, admitAgent } from "./enrolment/admitAgent.ts"
import { FailedJoins } from "./enrolment/FailedJoins.ts"
import { OperatorNonces } from "./enrolment/OperatorNonces.ts"
import { Registry } from "./enrolment/Registry.ts"
import { openApiOf } from "./http/openApi.ts"
import type { Route } from "./http/Route.ts"
import { type PendingUpgrade, WebSockets } from "./http/webSockets.ts"
import { refusals } from "./metrics.ts"
import type { Parts } from "./Parts.ts"
import { type RelayRefusal, StoreUnavailable, TooManySessions } from "./refusals.ts"
import { adminClusterRoutes } from "./routes/adminClusterRoutes.ts"
import { adminRelayRoutes } from "./routes/adminRelayRoutes.ts"
import { callerRoutes } from "./routes/callerRoutes.ts"
import { carrierRoutes } from "./routes/carrierRoutes.ts"
import { enrolmentRoutes } from "./routes/enrolmentRoutes.ts"
import type { Settings } from "./Settings.ts"
import { ControlSession } from "./sessions/ControlSession.ts"
import { Directory } from "./sessions/Directory.ts"
import { tellingOf } from "./store/actions.ts"
import type { Store } from "./store/Store.ts"
import { Streams } from "./streams/Streams.ts"
import type { Time } from "./time/Time.ts"
import { sessionVerdict, streamVerdict } from "./verdicts.ts"

export interface RelayOptions {
  readonly publicUrl: string
  readonly replica: string
  readonly store: Store
  readonly audit: AuditLog
  readonly log: Log
  readonly settings: () => Settings
  readonly verifier: () => TokenVerifierService
  readonly time: Time
  /** The peer of this socket has shown who it is. */
  readonly onAuthenticated: (socket: PendingUpgrade["socket"]) => void
}

/** One relay without its ports: sessions, streams, enrolment, access, and the routes that lead to them. */
export class Relay {
  readonly routes: readonly Route[]
  readonly access: Access
  readonly directory = new Directory()
  readonly streams: Streams
  /** For audit lines about peers who have not shown who they are. */
  readonly unidentified: UnidentifiedLines
  readonly #options: RelayOptions
  readonly #registry: Registry
  readonly #sockets = new WebSockets(maxControlBytes)
  readonly #unproven = new Set<ControlSession>()
  #draining = false
  #seenData: number
  readonly #tellActions: () => void
  /** A change that has not reached everything that is open, because the database failed meanwhile. */
  #recheckDue = false

  constructor(options: RelayOptions) {
    this.#options = options
    const { store, settings, publicUrl, time, replica, onAuthenticated } = options
    const audit = (line: object) => options.audit.write({ ...line })
    this.unidentified = new UnidentifiedLines((line) => options.audit.write({ ...line }), time.monotonic)
    this.#tellActions = tellingOf(store.actions, (line) => options.audit.writeNow({ ...line }))
    this.#seenData = store.dataVersion()
    this.#registry = new Registry({
      store,
      publicUrl,
      configured: () => settings().clusters,
      now: time.wall,
      onChange: (cluster) => this.#recheck(cluster),
    })
    this.access = new Access({ store, registry: this.#registry, settings, verifier: options.verifier })
    this.streams = new Streams({
      time,
      replica,
      directory: this.directory,
      limits: () => settings().limits,
      audit,
      verdict: (request, session) => streamVerdict(this.#judged(), request, session),
      onTicketUsed: onAuthenticated,
    })
    const parts: Parts = {
      time,
      settings,
      store,
      registry: this.#registry,
      access: this.access,
      nonces: new OperatorNonces(time.monotonic),
      failedJoins: new FailedJoins(() => settings().limits.joinFailuresPerAddress, time.monotonic),
      directory: this.directory,
      streams: this.streams,
      audit,
      auditUnidentified: (line) => this.unidentified.write(line),
      openApi: () => openApiOf(this.routes, version, publicUrl),
      isDraining: () => this.#draining,
      acceptControl: (upgrade, address) => this.#acceptControl(upgrade, address),
      changed: (cluster) => this.#recheck(cluster),
    }
    this.routes = [
      ...callerRoutes(parts),
      ...enrolmentRoutes(parts),
      ...carrierRoutes(parts),
      ...adminClusterRoutes(parts),
      ...adminRelayRoutes(parts),
    ]
    this.#recheck(undefined)
  }

  get draining(): boolean {
    return this.#draining
  }

  statistics() {
    return { sessions: this.directory.all().length, clusters: this.directory.clusters, ...this.streams.statistics() }
  }

  /** To be called a few times a second: acts on what other processes wrote, and ends sessions that have fallen silent. */
  poll(): void {
    const data = this.#options.store.dataVersion()
    const changed = data !== this.#seenData
    this.#seenData = data
    if (changed || this.#recheckDue) this.#recheck(undefined)
    const silentSince = this.#options.time.monotonic() - sessionSilenceMillis
    for (const session of this.directory.all())
      if (session.heardAt < silentSince) session.end(closeCode.moved, "silent")
  }

  /** Policy, listed keys or limits changed: everything that is open is judged again. */
  settingsChanged(): void {
    this.#recheck(undefined)
  }

  /** Sends everybody elsewhere; nothing new is taken from here on. */
  drain(): void {
    this.#draining = true
    this.streams.drain()
    for (const session of [...this.directory.all(), ...this.#unproven]) session.end(closeCode.moved, "relay-draining")
  }

  #recheck(cluster: string | undefined): void {
    try {
      const concerned = cluster === undefined ? this.directory.all() : this.directory.of(cluster)
      for (const session of concerned) {
        const verdict = sessionVerdict(this.#judged(), session)
        if (verdict !== undefined) session.end(verdict.code, verdict.reason)
      }
      this.streams.recheck(cluster)
      // Last, because a log or a disk that is full must not stand between a revocation and what it cuts.
      this.#tellActions()
      // What is owed concerns all of them.
      if (cluster === undefined) this.#recheckDue = false
    } catch (error) {
      if (!this.#recheckDue)
        this.#options.log.error("the database failed; what is open is judged again soon", { error })
      this.#recheckDue = true
    }
  }

  #judged() {
    return { registry: this.#registry, access: this.access, store: this.#options.store }
  }

  #acceptControl(upgrade: PendingUpgrade, address: string): void {
    this.#sockets.accept(upgrade, controlProtocol, (socket) => {
      const { time, publicUrl, replica } = this.#options
      const session: ControlSession = new ControlSession(socket, address, {
        time,
        publicUrl,
        replica,
        version,
        verify: (hello, nonce) => this.#verify(hello, nonce),
        onOpen: (opened) => {
          this.#unproven.delete(opened)
          this.#options.onAuthenticated(upgrade.socket)
          this.directory.add(opened)?.end(closeCode.superseded, "superseded")
          this.#auditSession(opened, "opened")
          this.streams.agentCame(opened.agent.cluster)
        },
        onRefused: (refusal, hello) => this.#refused(refusal, hello, address),
        onDialFailed: (from, ticket, reason) => this.streams.dialFailed(from, ticket, reason),
        onEnd: (ended) => {
          this.directory.remove(ended)
          this.streams.sessionEnded(ended)
          this.#auditSession(ended, "ended")
        },
      })
      this.#unproven.add(session)
      socket.once("close", () => this.#unproven.delete(session))
    })
  }

  #verify(hello: Hello, nonce: string): Either.Either<AdmittedAgent, RelayRefusal> {
    try {
      return this.#admitted(hello, nonce)
    } catch (error) {
      this.#options.log.error("an agent could not be judged", { error })
      return Either.left(new StoreUnavailable())
    }
  }

  #admitted(hello: Hello, nonce: string): Either.Either<AdmittedAgent, RelayRefusal> {
    return Either.flatMap(
      admitAgent(this.#registry, hello, nonce),
      (agent): Either.Either<AdmittedAgent, RelayRefusal> => {
        const others = this.directory.of(agent.cluster).filter((one) => one.agent.instance !== agent.instance)
        return others.length < this.#options.settings().limits.controlSessionsPerCluster
          ? Either.right(agent)
          : Either.left(new TooManySessions())
      },
    )
  }

  #refused(refusal: RelayRefusal, hello: Hello | undefined, from: string): void {
    refusals.add(1, { cause: refusal._tag })
    this.unidentified.write({
      time: this.#options.time.wall().toISOString(),
      event: "session",
      cluster: hello?.cluster.slice(0, 64),
      from,
      outcome: refusal._tag,
    })
  }

  #auditSession({ agent, address }: ControlSession, outcome: string): void {
    const { cluster, instance, sessionKey } = agent
    this.#audit({ event: "session", cluster, agent: instance, sessionKey, from: address, outcome })
  }

  #audit(line: object): void {
    this.#options.audit.write({ time: this.#options.time.wall().toISOString(), ...line })
  }
}
