import { X509Certificate } from "node:crypto"
import type { ClusterDocument } from "../../protocol/document.ts"
import { keyFromPem, spkiOf } from "../../protocol/keys.ts"
import type { RelaySession } from "../../protocol/relayCalls.ts"
import { type CredentialState, documentIn, fingerprintOf, type Rotatable } from "./CredentialState.ts"
import { leafDays, rootReserveDays } from "./validity.ts"

/** What the credentials should be. */
export interface CredentialsWanted {
  readonly clusterName: string
  /** Normalised. */
  readonly relayUrl: string
  readonly audiences: Readonly<Record<string, string>>
  readonly agentKeyDays: number
  readonly servingCertificateDays: number
  /** Values of the annotations that ask for a rotation. */
  readonly requests: Readonly<Partial<Record<Rotatable, string>>>
}

/** What an agent says of itself. */
export interface AgentShown {
  readonly sessionKey: string
  readonly documentSerial: number
  /** It has a control session, and none with credentials of before. */
  readonly isConnected: boolean
}

/** What was seen of the credentials in use. */
export interface CredentialsShown {
  /** Undefined when the relay was not asked or did not answer, or does not know the cluster. */
  readonly sessions: readonly RelaySession[] | undefined
  /** Serial of the document, signed by this identity, by which the relay admits agents; undefined as `sessions`, or when it shows none. */
  readonly relaySerial: number | undefined
  /** Each agent's pod that runs and stays; undefined when it does not say. */
  readonly agents: readonly (AgentShown | undefined)[]
  /** For each auth proxy that serves or may serve again: its certificate's fingerprint; undefined when it does not say. */
  readonly authProxies: readonly (string | undefined)[]
}

/** One change of the state that is stored; everything is stored before anybody sees it. */
export type Change =
  | "sign-document"
  | "renew-leaf"
  | "add-session-key"
  | "use-next-session-key"
  | "drop-old-session-key"
  | "add-root"
  | "use-next-root"
  | "drop-old-root"
  | "replace-identity"

export type Move =
  | { readonly move: "change"; readonly change: Change }
  /** The newest document has to be accepted by the relay. */
  | { readonly move: "publish" }
  | { readonly move: "wait"; readonly for: string }
  | { readonly move: "rest" }

const dayMillis = 86_400_000

/**
 * The next step towards what is wanted, one at a time, make before break: whatever trusts is told of the new before anybody
 * uses it, and the old goes when what was seen proves that nobody does. Pure; may be asked again at any point.
 */
export const nextMove = (
  state: CredentialState,
  wanted: CredentialsWanted,
  shown: CredentialsShown,
  nowMillis: number,
): Move => {
  const { serial } = documentIn(state)
  const { relaySerial = serial } = shown
  // Credentials from a backup: the relay knows later ones, and lets nobody in with these until a still later document lists them.
  if (relaySerial > serial || !saysWhatIsWanted(state, wanted)) return change("sign-document")
  // Needs nobody's consent: the root that it is by is trusted already.
  if (state.otherRoot === undefined && leafIsDue(state, wanted, nowMillis)) return change("renew-leaf")
  // A relay that came back from a backup has an older one than it took.
  if (state.publishedSerial !== serial || relaySerial < serial) return { move: "publish" }
  if (state.otherSession !== undefined) return sessionMove(state, shown)
  if (state.otherRoot !== undefined) return rootMove(state, shown)
  if (isRequested(state, wanted, "identity")) return change("replace-identity")
  if (
    isRequested(state, wanted, "session-key") ||
    isOld(state.session.madeAt, wanted.agentKeyDays * dayMillis, nowMillis)
  )
    return change("add-session-key")
  if (isRequested(state, wanted, "roots") || rootIsDue(state, wanted, nowMillis)) return change("add-root")
  return shown.authProxies.length > 0 && behindLeaf(state, shown)
    ? { move: "wait", for: "every auth proxy to show the new serving certificate" }
    : { move: "rest" }
}

const change = (what: Change): Move => ({ move: "change", change: what })

/**
 * The old key goes when every control session has moved, or every agent of ours: whoever else holds a session with the old key,
 * as a thief of it, would otherwise keep it valid.
 */
const sessionMove = (state: CredentialState, { sessions = [], agents }: CredentialsShown): Move => {
  if (state.otherSession?.role === "next") return change("use-next-session-key")
  const key = spkiOf(keyFromPem(state.session.pem))
  const { serial } = documentIn(state)
  const isNew = (one: { readonly sessionKey: string; readonly documentSerial: number }) =>
    one.sessionKey === key && one.documentSerial >= serial
  const ownMoved = agents.length > 0 && agents.every((one) => one?.isConnected === true && isNew(one))
  return sessions.some(isNew) && (ownMoved || sessions.every(isNew))
    ? change("drop-old-session-key")
    : { move: "wait", for: "every control session to use the agent's new session key" }
}

const rootMove = (state: CredentialState, shown: CredentialsShown): Move => {
  if (state.otherRoot?.role === "next") return change("use-next-root")
  return behindLeaf(state, shown)
    ? { move: "wait", for: "every auth proxy to show a serving certificate by the new root" }
    : change("drop-old-root")
}

/** Somebody may still serve with another leaf than the newest; where nobody serves nothing is proven. */
const behindLeaf = ({ leaf }: CredentialState, { authProxies }: CredentialsShown): boolean => {
  const newest = fingerprintOf(leaf.certificatePem)
  return authProxies.length === 0 || authProxies.some((fingerprint) => fingerprint !== newest)
}

const isRequested = (state: CredentialState, { requests }: CredentialsWanted, what: Rotatable): boolean =>
  requests[what] !== undefined && requests[what] !== state.handled[what]

/** Older than it may be, or from a future that a wrong clock showed. */
const isOld = (madeAt: string, forMillis: number, nowMillis: number): boolean => {
  const ageMillis = nowMillis - Date.parse(madeAt)
  return ageMillis >= forMillis || ageMillis < -dayMillis
}

const leafIsDue = (state: CredentialState, wanted: CredentialsWanted, nowMillis: number): boolean =>
  isRequested(state, wanted, "serving-certificate") ||
  isOld(state.leaf.madeAt, wanted.servingCertificateDays * dayMillis, nowMillis)

/** Early enough that every leaf until then can have its whole life. */
const rootIsDue = ({ root }: CredentialState, wanted: CredentialsWanted, nowMillis: number): boolean => {
  const endsMillis = Date.parse(new X509Certificate(root.certificatePem).validTo)
  const reserveMillis = (leafDays(wanted.servingCertificateDays) + rootReserveDays) * dayMillis
  return endsMillis - nowMillis < reserveMillis || isOld(root.madeAt, Number.POSITIVE_INFINITY, nowMillis)
}

/** Whether the newest document says what follows from the state and the spec. */
const saysWhatIsWanted = (state: CredentialState, wanted: CredentialsWanted): boolean => {
  const { serial: _, ...said } = documentIn(state)
  return canonical(said) === canonical(contentOf(state, wanted))
}

/** The document but its serial. */
export const contentOf = (state: CredentialState, wanted: CredentialsWanted) => ({
  clusterName: wanted.clusterName,
  relayUrl: wanted.relayUrl,
  identityKey: spkiOf(keyFromPem(state.identityPem)),
  ...(state.previousIdentity === undefined ? {} : { previousIdentity: state.previousIdentity }),
  sessionKeys: [state.session, ...(state.otherSession === undefined ? [] : [state.otherSession])].map(({ pem }) =>
    spkiOf(keyFromPem(pem)),
  ),
  roots: [state.root, ...(state.otherRoot === undefined ? [] : [state.otherRoot])].map(
    ({ certificatePem }) => certificatePem,
  ),
  audiences: wanted.audiences,
})

/** Order of keys, and of what is a set, makes no difference. */
const canonical = (content: Omit<ClusterDocument, "serial">): string =>
  JSON.stringify({
    ...Object.fromEntries(Object.entries(content).sort(([one], [other]) => (one < other ? -1 : 1))),
    previousIdentity: content.previousIdentity && [content.previousIdentity.key, content.previousIdentity.signature],
    sessionKeys: [...content.sessionKeys].sort(),
    roots: [...content.roots].sort(),
    audiences: Object.entries(content.audiences).sort(([one], [other]) => (one < other ? -1 : 1)),
  })
