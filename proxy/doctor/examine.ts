import { path } from "../../protocol/names.ts"
import { refusalFrom } from "../../protocol/status.ts"
import { WindowBudget } from "../../protocol/stream/WindowBudget.ts"
import { askThrough } from "../connections/askThrough.ts"
import { EndToEndConnection } from "../connections/EndToEndConnection.ts"
import { judge } from "../connections/preflight.ts"
import { PathBroken } from "../failures.ts"
import { callRelay } from "../relay/callRelay.ts"
import { RelayClient } from "../relay/RelayClient.ts"
import type { RelayAccess } from "../relay/relayAccess.ts"
import type { ClusterSettings } from "../settings/ProxySettings.ts"
import { checkedToken, documentRules } from "../tokens/checkedToken.ts"
import { ClusterTrust } from "../trust/ClusterTrust.ts"
import { describedClaims } from "./claims.ts"
import { Examination, named } from "./Examination.ts"
import { clockFinding, networkFindings, reach } from "./network.ts"

/** How long each hop took, in milliseconds, for one cluster. */
export interface Latency {
  readonly cluster: string
  readonly relay: number
  /** Proxy, relay, agent, auth proxy and back. */
  readonly path: number
  readonly authProxy: number | undefined
  readonly apiServer: number | undefined
}

export interface Examined {
  readonly findings: Examination["findings"]
  readonly latency: readonly Latency[]
}

/** Every check for the relay and for each cluster, in the order of a connection. Never rejects. Nothing is changed but the memory of clusters' documents. */
export const examine = async (access: RelayAccess): Promise<Examined> => {
  const { settings, route, gate } = access
  const { relay } = settings
  const examination = new Examination()
  const reached = await reach(relay, route)
  networkFindings(examination, relay, reached)
  clockFinding(examination, reached.relayDate, Date.now())
  await examination.check("relay token", "", [], async () => ({
    detail: describedClaims(await gate.token(), Date.now()),
    value: true,
  }))
  await examination.check("relay authentication", "", ["relay", "relay token"], async () => {
    await callRelay(access, path.clusters)
    return { detail: "the relay knows you", value: true }
  })
  const latency: Latency[] = []
  for (const cluster of settings.clusters) {
    const measured = await examineCluster(examination, access, cluster)
    if (measured !== undefined) latency.push({ cluster: cluster.cluster, relay: reached.millis, ...measured })
  }
  return { findings: examination.findings, latency }
}

const examineCluster = async (examination: Examination, access: RelayAccess, about: ClusterSettings) => {
  const { settings, route, gate, known } = access
  const { cluster, pin } = about
  const { relayAudience, singleAudience } = settings
  const tokens = { ...about, relayAudience, singleAudience, gate }
  const relay = new RelayClient({
    relay: settings.relay,
    proxy: route.proxy ?? {},
    roots: () => route.ca ?? missingRoots(),
    relayToken: () => gate.token(),
  })
  const of = (...checks: readonly Parameters<typeof named>[0][]) => checks.map((one) => named(one, cluster))
  const information = await examination.check("policy", cluster, ["relay authentication"], async () => {
    const value = await relay.connectionInformation(cluster)
    return { detail: "you may connect", value }
  })
  await examination.check("agent", cluster, of("policy"), async () => {
    const sessions = information?.agentSessions ?? 0
    if (sessions > 0) return { detail: `${sessions} control session${sessions > 1 ? "s" : ""}`, value: true }
    throw new PathBroken({
      hop: "agent",
      cause: "NotConnected",
      detail: "no agent of the cluster is connected to the relay",
    })
  })
  const trust = await examination.check("identity", cluster, of("policy"), async () => {
    const options = { cluster, relay, known, givenPin: pin, acceptNewPin: false, confirm: undefined }
    const value = await ClusterTrust.establish({
      ...options,
      ...documentRules(tokens),
    })
    return { detail: `the document is signed by the pinned identity, serial ${value.document.serial}`, value }
  })
  const checked = await examination.check("cluster token", cluster, of("identity"), async () => {
    if (trust === undefined) throw new Error("there is no document")
    const value = await checkedToken(tokens, settings.relay, known, () => trust.document)()
    return { detail: describedClaims(value, Date.now()), value }
  })
  const connection = await examination.check("stream", cluster, of("agent", "identity"), async () => {
    const roots = trust?.document.roots ?? []
    const value = await EndToEndConnection.open({ cluster, relay, roots, budget: new WindowBudget(windowBytes) })
    await value.probe()
    return { detail: `end-to-end TLS with the auth proxy, ${value.pathMillis?.toFixed(0)} ms there and back`, value }
  })
  const timing = await examination.check("auth whoami", cluster, of("cluster token", "stream"), async () => {
    if (connection === undefined || checked === undefined) throw new Error("there is no connection or no token")
    return await whoAmI(cluster, connection, checked)
  })
  connection?.destroy("examined")
  const pathMillis = connection?.pathMillis
  return pathMillis === undefined
    ? undefined
    : { path: pathMillis, authProxy: timing?.authProxy, apiServer: timing?.apiServer }
}

/** One stream with one small request. */
const windowBytes = 1024 * 1024
const missingRoots = (): never => {
  throw new Error("the route has no roots")
}

const reviewPath = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" }

/** Who the API server says that the caller is, and how long auth proxy and API server took. */
const whoAmI = async (cluster: string, connection: EndToEndConnection, token: string) => {
  const { status, headers, body } = await askThrough(cluster, connection, {
    method: "POST",
    path: reviewPath,
    token,
    body: review,
  })
  judge(cluster, status, body)
  if (status !== 201)
    throw new PathBroken({
      hop: "api-server",
      cause: `Status${status}`,
      detail: refusalFrom(status, body)?.message ?? `the API server answered ${status} to a SelfSubjectReview`,
    })
  const user = (JSON.parse(body) as { status?: { userInfo?: { username?: string; groups?: string[] } } }).status
    ?.userInfo
  const timings = String(headers["server-timing"] ?? "")
  const measured = (name: string) => {
    const found = new RegExp(`(?:^|, )${name};dur=(\\d+\\.\\d)`).exec(timings)?.[1]
    return found === undefined ? undefined : Number(found)
  }
  return {
    detail: `${user?.username ?? "?"} in ${(user?.groups ?? []).join(", ") || "no groups"}`,
    value: { authProxy: measured("cc-auth-proxy"), apiServer: measured("cc-api-server") },
  }
}
