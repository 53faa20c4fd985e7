import { readFileSync } from "node:fs"
import { cpus, loadavg, totalmem } from "node:os"

/** What a figure depends on, as it was while it was measured. */
export const machine = () => ({
  date: new Date().toISOString(),
  cores: cpus().length,
  cpu: cpus()[0]?.model ?? "unknown",
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  kernel: read("/proc/sys/kernel/osrelease"),
  congestionControl: read("/proc/sys/net/ipv4/tcp_congestion_control"),
  bun: Bun.version,
  /** Of one minute, at the end of the run: other work on the machine shows here. */
  load: loadavg()[0]?.toFixed(2),
})

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8").trim()
  } catch {
    return "unknown"
  }
}
