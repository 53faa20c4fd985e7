import { existsSync } from "node:fs"
import type { Level } from "../Cluster.ts"
import { runProgram } from "../process/runProgram.ts"

/** System packages are missing and could not be installed. */
export class PackagesMissing extends Error {
  override readonly name = "PackagesMissing"
}

/** What the packages are for: a level of cluster, or the benches. */
export type Purpose = Level | "bench"

interface SystemNeed {
  readonly package: string
  /** There when one of these is: a program on the PATH, or a file. */
  readonly anyOf: readonly string[]
  readonly purposes: readonly Purpose[]
}

const NEEDS: readonly SystemNeed[] = [
  { package: "util-linux", anyOf: ["nsenter"], purposes: ["control-plane", "node"] },
  { package: "iproute2", anyOf: ["ip"], purposes: ["control-plane", "node", "bench"] },
  { package: "nftables", anyOf: ["nft"], purposes: ["control-plane", "node"] },
  { package: "gcc", anyOf: ["gcc"], purposes: ["node", "bench"] },
  { package: "libc6-dev", anyOf: ["/usr/include/stdlib.h"], purposes: ["node", "bench"] },
  { package: "libseccomp-dev", anyOf: ["/usr/include/seccomp.h"], purposes: ["node"] },
  { package: "pkg-config", anyOf: ["pkg-config"], purposes: ["node"] },
  { package: "openssh-server", anyOf: ["/usr/sbin/sshd"], purposes: ["bench"] },
  { package: "openssh-client", anyOf: ["ssh"], purposes: ["bench"] },
  { package: "procps", anyOf: ["ps"], purposes: ["bench"] },
  { package: "busybox-static", anyOf: ["/bin/busybox", "/usr/bin/busybox"], purposes: ["node"] },
]

/** Debian names of what this needs and the machine has not. */
export function missingPackages(purpose: Purpose, exists: (what: string) => boolean = onMachine): readonly string[] {
  return NEEDS.filter((need) => need.purposes.includes(purpose) && !need.anyOf.some(exists)).map((need) => need.package)
}

interface PackageMachine {
  readonly exists: (what: string) => boolean
  readonly mayInstall: boolean
}

/** Installs what is missing where apt and root are there; else throws PackagesMissing, which names the packages. */
export async function ensurePackages(
  purpose: Purpose,
  onProgress: (line: string) => void,
  machine: PackageMachine = thisMachine(),
): Promise<void> {
  const missing = missingPackages(purpose, machine.exists)
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
  const still = missingPackages(purpose, machine.exists)
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
