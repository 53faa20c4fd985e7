import { existsSync } from "node:fs"
import type { Level } from "../Cluster.ts"
import { runProgram } from "../process/runProgram.ts"

/** System packages are missing and could not be installed. */
export class PackagesMissing extends Error {
  override readonly name = "PackagesMissing"
}

interface SystemNeed {
  readonly package: string
  /** There when one of these is: a program on the PATH, or a file. */
  readonly anyOf: readonly string[]
  readonly levels: readonly Level[]
}

const NEEDS: readonly SystemNeed[] = [
  { package: "util-linux", anyOf: ["nsenter"], levels: ["control-plane", "node"] },
  { package: "iproute2", anyOf: ["ip"], levels: ["control-plane", "node"] },
  { package: "nftables", anyOf: ["nft"], levels: ["control-plane", "node"] },
  { package: "gcc", anyOf: ["gcc"], levels: ["node"] },
  { package: "libc6-dev", anyOf: ["/usr/include/stdlib.h"], levels: ["node"] },
  { package: "libseccomp-dev", anyOf: ["/usr/include/seccomp.h"], levels: ["node"] },
  { package: "pkg-config", anyOf: ["pkg-config"], levels: ["node"] },
  { package: "busybox-static", anyOf: ["/bin/busybox", "/usr/bin/busybox"], levels: ["node"] },
]

/** Debian names of what this level needs and the machine has not. */
export function missingPackages(level: Level, exists: (what: string) => boolean = onMachine): readonly string[] {
  return NEEDS.filter((need) => need.levels.includes(level) && !need.anyOf.some(exists)).map((need) => need.package)
}

interface PackageMachine {
  readonly exists: (what: string) => boolean
  readonly mayInstall: boolean
}

/** Installs what is missing where apt and root are there; else throws PackagesMissing, which names the packages. */
export async function ensurePackages(
  level: Level,
  onProgress: (line: string) => void,
  machine: PackageMachine = thisMachine(),
): Promise<void> {
  const missing = missingPackages(level, machine.exists)
  if (missing.length === 0) return
  const names = missing.join(" ")
  if (!machine.mayInstall) {
    throw new PackagesMissing(
      `system packages are missing (Debian's names): ${names}; install them, or run as root where apt-get is`,
    )
  }
  onProgress(`installing Debian packages: ${names}`)
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  await runProgram("apt-get", ["update", "--quiet"], { env })
  const install = ["install", "--quiet", "--yes", "--no-install-recommends", ...missing]
  const { code, stderr } = await runProgram("apt-get", install, { env })
  const still = missingPackages(level, machine.exists)
  if (code !== 0 || still.length > 0) {
    throw new PackagesMissing(
      `apt-get could not install ${(still.length > 0 ? still : missing).join(" ")}: ${stderr.trim()}`,
    )
  }
}

function thisMachine(): PackageMachine {
  return { exists: onMachine, mayInstall: process.getuid?.() === 0 && Bun.which("apt-get") !== null }
}

function onMachine(what: string): boolean {
  return what.startsWith("/") ? existsSync(what) : Bun.which(what) !== null
}
