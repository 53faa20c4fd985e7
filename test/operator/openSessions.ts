import { group, prepareObjects } from "../fault/faultObjects.ts"
import { execSession, logsSession } from "../fault/sessions/lineSession.ts"
import type { SessionReport } from "../fault/sessions/Session.ts"
import { eventually } from "../world/eventually.ts"
import type { OperatorWorld } from "./OperatorWorld.ts"

export interface OpenSessions {
  /** Returns when each of them has brought something from now on. */
  speak(): Promise<void>
  /** Ends them: what each carried, and why it counts as lost. */
  finish(): Promise<readonly SessionReport[]>
}

/** kubectl gives up after 61 s without an answer: beyond that there is nothing to wait for. */
const limitMillis = 60_000

/**
 * A user with an exec over each protocol, typed into while a counter runs in the same process, and `logs -f`. A line that is lost,
 * repeated or out of order, a process that began anew and a kubectl that ended all count as lost.
 */
export const openSessions = async (world: OperatorWorld, resource: string): Promise<OpenSessions> => {
  await prepareObjects(world.cluster, 1)
  const { kubectl, proxy } = await world.user("survivor", [group], resource)
  const sessions = [execSession(kubectl, "websocket"), execSession(kubectl, "spdy"), logsSession(kubectl)]
  await Promise.all(sessions.map(({ started }) => started))
  return {
    async speak() {
      const since = performance.now()
      await eventually("every session speaks", limitMillis, async () => {
        const silent = sessions.filter(({ arrivals }) => arrivals.at(-1)! <= since).map(({ name }) => name)
        return silent.length === 0 ? { done: undefined } : { seen: silent }
      })
    },
    async finish() {
      const reports = await Promise.all(sessions.map((session) => session.finish()))
      await proxy.stop()
      return reports
    },
  }
}
