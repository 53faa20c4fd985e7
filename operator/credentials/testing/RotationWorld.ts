import { expect } from "bun:test"
import { X509Certificate } from "node:crypto"
import { Either } from "effect"
import { identityFollows, openDocument } from "../../../protocol/document.ts"
import { keyFromPem, spkiOf } from "../../../protocol/keys.ts"
import { type CredentialState, documentIn, filesOfState, fingerprintOf, stateFrom } from "../CredentialState.ts"
import { makeChange, newState } from "../makeChange.ts"
import { type CredentialsWanted, nextMove } from "../nextMove.ts"

export const dayMillis = 86_400_000
export const wanted: CredentialsWanted = {
  clusterName: "edge-1",
  relayUrl: "https://relay.example.com",
  audiences: { "https://idp.example.com": "a" },
  agentKeyDays: 30,
  servingCertificateDays: 30,
  requests: {},
}

/**
 * A cluster, its relay and its operator, with everything that may go wrong between two steps. The operator's memory is the stored
 * state alone, so that a crash is only a step that did not happen.
 */
export class RotationWorld {
  wanted = wanted
  nowMillis = Date.parse("2026-01-01T00:00:00Z")
  relayAnswers = true
  /** The document that the relay has; undefined before the first. */
  relayDocument: string | undefined
  /** What the agents' Secret holds, and what each agent has taken from it. */
  agentSecret: { key: string; document: string }
  agents: { key: string; document: string; connected: boolean }[]
  authProxySecret: string
  /** Leaves in use by auth proxies. */
  authProxies: string[]
  readonly changes: string[] = []

  state: CredentialState

  constructor(state: CredentialState) {
    this.state = state
    this.agentSecret = this.#forAgents()
    this.agents = [0, 1].map(() => ({ ...this.agentSecret, connected: false }))
    this.authProxySecret = state.leaf.certificatePem
    this.authProxies = [this.authProxySecret, this.authProxySecret]
  }

  #forAgents() {
    return { key: spkiOf(keyFromPem(this.state.session.pem)), document: this.state.signedDocument }
  }

  shown() {
    const sessions = this.agents.filter(({ connected }) => connected)
    return {
      sessions: this.relayAnswers
        ? sessions.map(({ key, document }, index) => ({
            instance: String(index),
            sessionKey: key,
            documentSerial: serialOf(document),
          }))
        : undefined,
      relaySerial: this.relayAnswers && this.relayDocument !== undefined ? serialOf(this.relayDocument) : undefined,
      agents: this.agents.map(({ key, document, connected }) => ({
        sessionKey: key,
        documentSerial: serialOf(document),
        isConnected: connected,
      })),
      authProxies: this.authProxies.map(fingerprintOf),
    }
  }

  move() {
    return nextMove(this.state, this.wanted, this.shown(), this.nowMillis)
  }

  /** One pass of the operator: one move, then what the pods' Secrets hold. `crash`: it ends after the move. */
  async pass(crash = false) {
    const move = this.move()
    if (move.move === "change") {
      this.changes.push(move.change)
      const { relaySerial } = this.shown()
      const next = await makeChange(this.state, move.change, this.wanted, new Date(this.nowMillis), relaySerial)
      this.state = Either.getOrThrow(stateFrom(filesOfState(next)))
    }
    if (move.move === "publish" && this.relayAnswers) {
      this.#relayTakes(this.state.signedDocument)
      if (crash) return move
      this.state = { ...this.state, publishedSerial: documentIn(this.state).serial }
    }
    if (crash) return move
    this.agentSecret = this.#forAgents()
    this.authProxySecret = this.state.leaf.certificatePem
    return move
  }

  #relayTakes(text: string) {
    const next = Either.getOrThrow(openDocument(text))
    const known = this.relayDocument && Either.getOrThrow(openDocument(this.relayDocument))
    if (!known || next.serial > known.serial) {
      if (known) expect(identityFollows(next, (identity) => identity === known.identityKey)).toBe(true)
      this.relayDocument = text
    }
    // A key that left the document has no session any more.
    const { sessionKeys } = Either.getOrThrow(openDocument(this.relayDocument ?? text))
    for (const agent of this.agents) agent.connected &&= sessionKeys.includes(agent.key)
  }

  /** An agent's files are what the Secret has, and it opens a session with them, if it may. */
  agentMoves(index: number) {
    const agent = this.agents[index % this.agents.length]!
    Object.assign(agent, this.agentSecret, { connected: false })
    if (!this.relayAnswers || this.relayDocument === undefined) return
    this.#relayTakes(agent.document)
    agent.connected = Either.getOrThrow(openDocument(this.relayDocument)).sessionKeys.includes(agent.key)
    // The promise of it all: whoever holds what the Secret says is let in.
    expect(agent.connected).toBe(true)
  }

  authProxyMoves(index: number) {
    this.authProxies[index % this.authProxies.length] = this.authProxySecret
  }

  /** What must hold at every moment. */
  check() {
    const document = documentIn(this.state)
    expect(document.sessionKeys.length).toBeLessThanOrEqual(2)
    expect(document.roots.length).toBeLessThanOrEqual(2)
    if (this.relayDocument === undefined) return
    const atRelay = Either.getOrThrow(openDocument(this.relayDocument))
    for (const leaf of [...this.authProxies, this.authProxySecret])
      expect(atRelay.roots.some((root) => new X509Certificate(leaf).checkIssued(new X509Certificate(root)))).toBe(true)
  }

  /** Everything is up: all moves until there is none. */
  async settle() {
    this.relayAnswers = true
    for (let pass = 0; pass < 60; pass++) {
      const { move } = await this.pass()
      for (const index of [0, 1]) {
        this.agentMoves(index)
        this.authProxyMoves(index)
      }
      this.check()
      if (move === "rest") return pass
    }
    throw new Error(`no rest after 60 passes: ${this.changes.join(" ")}`)
  }
}

const serialOf = (text: string) => Either.getOrThrow(openDocument(text)).serial
/** At rest, with every pod on the newest credentials. */
export const newWorld = async () => {
  const world = new RotationWorld(await newState(wanted, new Date("2026-01-01T00:00:00Z")))
  await world.settle()
  world.changes.length = 0
  return world
}
