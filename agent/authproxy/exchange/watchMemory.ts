import { Effect, type Scope } from "effect"
import type { Log } from "../../../platform/logs.ts"
import { type MemoryUse, memoryUse } from "../../../platform/memory/memoryUse.ts"
import { beforeScrape } from "../../../platform/metrics.ts"
import { memory } from "../metrics.ts"
import { MemoryRelief } from "./MemoryRelief.ts"

/** How often memory is looked at. End to end one process brings some 240 MiB/s: between two looks far less than what is left for that. */
const lookMillis = 100

/** A relief that looks at this process's own memory until the scope ends, and its numbers among the metrics. */
export const watchMemory = (
  log: Log,
  use: () => MemoryUse | undefined = memoryUse,
): Effect.Effect<MemoryRelief, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const relief = new MemoryRelief({
        memoryUse: use,
        collect: () => Bun.gc(true),
        onShort: (found) =>
          log.warn(
            "memory is short: if giving back garbage does not help, the newest of the answers that wait for their clients are ended, of the caller who has most of them",
            { ...found },
          ),
      })
      const timer = setInterval(() => relief.look(), lookMillis)
      const stopTelling = beforeScrape(() => {
        const found = use()
        if (found === undefined) return
        memory.set(found.usedBytes, { of: "used" })
        memory.set(found.limitBytes, { of: "limit" })
      })
      const stop = () => {
        clearInterval(timer)
        stopTelling()
      }
      return { relief, stop }
    }),
    ({ stop }) => Effect.sync(stop),
  ).pipe(Effect.map(({ relief }) => relief))
