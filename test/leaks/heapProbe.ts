/**
 * Loaded before each program of the leak run (`--preload`): at SIGUSR2 it collects all garbage and says on standard error what is left. Between two
 * collections it waits, because what a finalizer lets go is garbage of the second, and the allocators give memory back to the kernel a while later.
 */
import { fullGC, heapStats } from "bun:jsc"
import { setTimeout as after } from "node:timers/promises"

const finalizersMillis = 3_000
let looks = 0

process.on("SIGUSR2", async () => {
  fullGC()
  await after(finalizersMillis)
  fullGC()
  await after(finalizersMillis)
  const { objectCount, heapSize, extraMemorySize } = heapStats()
  looks += 1
  const held = { objects: objectCount, "heap bytes": heapSize + extraMemorySize, resident: process.memoryUsage.rss() }
  process.stderr.write(`${JSON.stringify({ message: "heap", look: looks, held })}\n`)
})
