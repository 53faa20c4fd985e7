import { readFileSync } from "node:fs"
import { cpus, loadavg, totalmem } from "node:os"

/** Of one minute: other work on the machine shows here. */
export const loadNow = (): string => (loadavg()[0] ?? 0).toFixed(2)

/** What a figure depends on, as it was while it was measured. To be asked at the end, with the load from before the first of it. */
export const machine = (loadAtStart: string) => ({
  date: new Date().toISOString(),
  cores: cpus().length,
  cpu: cpus()[0]?.model ?? "unknown",
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  kernel: read("/proc/sys/kernel/osrelease"),
  congestionControl: read("/proc/sys/net/ipv4/tcp_congestion_control"),
  bun: Bun.version,
  loadAtStart,
  loadAtEnd: loadNow(),
})

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8").trim()
  } catch {
    return "unknown"
  }
}
