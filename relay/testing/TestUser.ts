import type { WebSocket } from "ws"
import { connectWebSocket, UpgradeRefused } from "../../platform/outbound.ts"
import { instanceHeader, path, streamProtocol } from "../../protocol/names.ts"
import { type Refusal, refusalFrom } from "../../protocol/status.ts"
import type { TestAgent } from "./TestAgent.ts"
import type { TestRelay } from "./TestRelay.ts"

export interface StreamOptions {
  readonly cluster?: string
  readonly token?: string
  readonly instance?: string
  readonly protocols?: readonly string[]
  readonly signal?: AbortSignal
}

/** A user's half, as their proxy asks for it. */
export const openUserHalf = (relay: TestRelay, options: StreamOptions = {}): Promise<WebSocket> => {
  const { cluster = "edge-1", token = relay.token(), instance, protocols = [streamProtocol], signal } = options
  return connectWebSocket(relay.ws + path.stream(cluster), {
    protocols,
    headers: { authorization: `Bearer ${token}`, ...(instance === undefined ? {} : { [instanceHeader]: instance }) },
    startPaused: true,
    ...(signal === undefined ? {} : { signal }),
  })
}

/** The refusal of an upgrade, as its Status says it. */
export const refusalOf = async (upgrade: Promise<unknown>): Promise<Refusal> => {
  const error = await upgrade.then(
    () => new Error("the upgrade was accepted"),
    (failure: unknown) => failure,
  )
  const refusal = error instanceof UpgradeRefused ? refusalFrom(error.status, error.body) : undefined
  if (refusal === undefined) throw error
  return refusal
}

export interface Pair {
  readonly user: WebSocket
  readonly agentHalf: WebSocket
}

/** A whole carrier through the relay. */
export const openCarrier = async (relay: TestRelay, agent: TestAgent, options: StreamOptions = {}): Promise<Pair> => {
  const user = openUserHalf(relay, options)
  const agentHalf = await agent.pickUp(await agent.dial())
  return { user: await user, agentHalf }
}

export const closeOf = (socket: WebSocket): Promise<{ readonly code: number; readonly reason: string }> => {
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() })),
  )
  socket.resume()
  return closed
}
