import { challengeMillis, type FromRelay } from "../../../protocol/control.ts"
import { closeCode } from "../../../protocol/names.ts"
import { delayMillis } from "./backoff.ts"
import { close, needsSession, put, report, type Stepped } from "./edits.ts"
import { closed, failed, refused, rejected } from "./ending.ts"
import { isDue, onTimer, pinged } from "./liveness.ts"
import type { Connection, ControlAction, ControlEvent, ControlState, Identity, Moment, OpenPhase } from "./state.ts"

/**
 * The whole behaviour of the control sessions: pure. Afterwards at most one connection attempt is under way, exactly one is
 * due unless a session with the present credentials is open and answers, and nothing is dialled while draining.
 */
export const step = (identity: Identity, state: ControlState, event: ControlEvent, moment: Moment): Stepped => {
  const [next, actions] = decided(identity, state, event, moment)
  const [settled, more] = settle(next, moment)
  return [settled, [...actions, ...more]]
}

const decided = (identity: Identity, state: ControlState, event: ControlEvent, moment: Moment): Stepped => {
  if (event.type === "timer") return timed(state, moment)
  if (event.type === "credentialsChanged")
    return [{ ...state, credentials: state.credentials + 1, failures: 0, dialAt: moment.at }, []]
  if (event.type === "drain") return drained(state)
  if (event.type === "carrierLost") return doubted(state, moment)
  const connection = state.connections.find(({ id }) => id === event.id)
  // It was given up before: its last words change nothing.
  if (connection === undefined) return [state, []]
  switch (event.type) {
    case "connected":
      return [
        put(state, {
          id: connection.id,
          credentials: connection.credentials,
          phase: "proving",
          deadline: moment.at + challengeMillis,
          answered: false,
        }),
        [],
      ]
    case "connectFailed":
      return event.setback === "refused"
        ? failed(state, connection, "refused", moment, { event: "refused", cause: "HttpStatus", detail: event.detail })
        : failed(state, connection, "lost", moment, { event: "unreachable", detail: event.detail })
    case "closed":
      return closed(state, connection, event, moment)
    case "malformed":
      // An open session outlives one message that it does not understand: the relay may be newer.
      return connection.phase === "open"
        ? [state, [report({ event: "ignored", detail: event.detail })]]
        : rejected(state, connection, moment, "ProtocolError", event.detail)
    case "received":
      return connection.phase === "open"
        ? whileOpen(state, connection, event.message, moment)
        : whileProving(identity, state, connection, event.message, moment)
  }
}

const whileProving = (
  identity: Identity,
  state: ControlState,
  connection: Connection,
  message: FromRelay,
  moment: Moment,
): Stepped => {
  const { id } = connection
  if (connection.phase === "proving" && message.type === "challenge" && !connection.answered) {
    if (message.relayUrl !== identity.relayUrl)
      return rejected(
        state,
        connection,
        moment,
        "RelayUrlDiffers",
        `the relay calls itself ${message.relayUrl.slice(0, 256)}, this agent is configured for ${identity.relayUrl}`,
      )
    return [put(state, { ...connection, answered: true }), [{ type: "prove", id, nonce: message.nonce }]]
  }
  if (connection.phase === "proving" && message.type === "welcome" && connection.answered)
    return welcomed(state, connection, message, moment)
  if (message.type === "refused") return refused(state, connection, message, moment)
  if (message.type === "ping") return [state, [{ type: "send", id, message: { type: "pong", id: message.id } }]]
  return rejected(state, connection, moment, "ProtocolError", `unexpected ${message.type}`)
}

const welcomed = (
  state: ControlState,
  { id, credentials }: Connection,
  { sessionSecret, replica }: { readonly sessionSecret: string; readonly replica: string },
  { at }: Moment,
): Stepped => {
  const open: Connection = { id, credentials, phase: "open", openedAt: at, replica, pingedAt: at }
  // The new one is there: only now the ones before it go.
  const older = state.connections.filter((other) => other.id < id)
  const actions: ControlAction[] = [
    { type: "opened", id, sessionSecret },
    report({ event: "opened", replica }),
    ...older.map((other): ControlAction => close(other, closeCode.superseded, "a newer session is open")),
  ]
  const connections = [...state.connections.filter((other) => other.id > id), open]
  return [{ ...state, connections }, actions]
}

const whileOpen = (
  state: ControlState,
  connection: Connection & OpenPhase,
  message: FromRelay,
  moment: Moment,
): Stepped => {
  const { id } = connection
  // Whatever arrives is life, a pong or not.
  const { silentSince: _, awaiting: __, ...alive } = connection
  switch (message.type) {
    case "ping":
      return [put(state, alive), [{ type: "send", id, message: { type: "pong", id: message.id } }]]
    case "pong":
      return [put(state, alive), []]
    case "dial":
      return state.draining
        ? [state, [{ type: "send", id, message: { type: "dialFailed", ticket: message.ticket, reason: "draining" } }]]
        : [put(state, alive), [{ type: "serve", id, dial: message }]]
    case "refused":
      return refused(state, connection, message, moment)
    default:
      return [put(state, alive), [report({ event: "ignored", detail: `unexpected ${message.type}` })]]
  }
}

const timed = (state: ControlState, moment: Moment): Stepped => {
  let next = state
  const actions: ControlAction[] = []
  for (const connection of state.connections) {
    if (connection.phase === "proving" && isDue(connection, moment)) {
      // Silence is no refusal: a relay that stood still is asked again as soon as streams need it.
      const detail = `none within ${challengeMillis / 1000} s`
      const [after, done] = rejected(next, connection, moment, "NoWelcome", detail, "lost")
      next = after
      actions.push(...done)
    } else if (connection.phase === "open" && isDue(connection, moment)) {
      const verdict = onTimer(connection, moment)
      actions.push(...verdict.actions)
      if (verdict.connection !== undefined) next = put(next, verdict.connection)
      else {
        const [after, done] = failed(next, connection, "lost", moment, { event: "lost", detail: "no answer to pings" })
        next = after
        actions.push(close(connection, closeCode.protocolError, "no answer to pings"), ...done)
      }
    }
  }
  return [next, actions]
}

/** Every session that owes no answer yet is asked for one. */
const doubted = (state: ControlState, { at }: Moment): Stepped => {
  let next = state
  const actions: ControlAction[] = []
  for (const one of state.connections) {
    if (one.phase !== "open" || one.awaiting !== undefined) continue
    const asked = pinged(one, at)
    next = put(next, asked.connection)
    actions.push(...asked.actions)
  }
  return [next, actions]
}

const drained = (state: ControlState): Stepped => {
  const { dialAt: _, ...rest } = state
  const connections = state.connections.filter(({ phase }) => phase === "open")
  const actions = state.connections.map(
    (one): ControlAction =>
      one.phase === "open"
        ? { type: "send", id: one.id, message: { type: "draining" } }
        : close(one, closeCode.moved, "draining"),
  )
  return [{ ...rest, connections, draining: true }, actions]
}

/** Makes a due dial happen, and a dial due where a session is missing. */
const settle = (state: ControlState, moment: Moment): Stepped => {
  if (state.draining || !needsSession(state)) {
    const { dialAt: _, ...rest } = state
    return [rest, []]
  }
  const dialAt = state.dialAt ?? moment.at + delayMillis("lost", Math.max(1, state.failures), moment)
  if (dialAt > moment.at) return [{ ...state, dialAt }, []]
  const { dialAt: _, ...rest } = state
  const id = state.nextId
  const connection: Connection = { id, credentials: state.credentials, phase: "dialling" }
  return [{ ...rest, nextId: id + 1, connections: [...rest.connections, connection] }, [{ type: "dial", id }]]
}
