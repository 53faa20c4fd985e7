import { Effect, Schedule } from "effect"
import type { Log } from "../../platform/logs.ts"
import { endThisProgram } from "../control/endThisProgram.ts"

/** How often is looked whether somebody is connected: a proxy ends at most so much later than it might. */
const lookSeconds = 30

export interface IdleOptions {
  /** Connections to the local endpoints that have shown the credential, now. */
  readonly connections: () => number
  /** When the credential was asked for last, and the present, on the same clock. */
  readonly askedAt: () => number
  readonly nowMillis: () => number
  readonly idleSeconds: number
}

/**
 * Waits until nobody has been connected, nor asked for the credential, for the whole time. Clients keep connections that they do not
 * use for a minute or two; a watch, a log stream or a port-forward is a connection.
 */
export const idle = ({ connections, askedAt, nowMillis, idleSeconds }: IdleOptions): Effect.Effect<void> => {
  let usedAt = nowMillis()
  const look = Effect.sync(() => {
    if (connections() > 0) usedAt = nowMillis()
    return nowMillis() - Math.max(usedAt, askedAt()) >= idleSeconds * 1_000
  })
  return look.pipe(Effect.repeat({ until: (over) => over, schedule: Schedule.spaced(`${lookSeconds} seconds`) }))
}

/** Ends this program when it is idle. */
export const idleEnd = (options: Omit<IdleOptions, "nowMillis">, log: Log): Effect.Effect<void> =>
  idle({ ...options, nowMillis: () => performance.now() }).pipe(
    Effect.tap(() =>
      Effect.sync(() => {
        log.info(`nobody was connected for ${options.idleSeconds} s: ending`)
        endThisProgram()
      }),
    ),
  )
