/**
 * `bun deploy/image/repin.ts` asks Debian's archive, whose signature apt verifies, for the present versions of the packages in the
 * images and writes debianPins.ts. To be run when Debian has fixed something in them; the diff says what.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { debianMirrors } from "./debianArchive.ts"
import { type DebianPackage, debianRelease } from "./debianPins.ts"

const architectures = ["amd64", "arm64"]
const packages = ["ca-certificates", ...architectures.flatMap((one) => [`base-files:${one}`, `libc6:${one}`])]
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

/** apt with lists and sources of its own: the machine's stay as they are. */
const apt = (work: string, program: string, ...words: readonly string[]): string => {
  const options = [
    `Dir::State=${work}/state`,
    `Dir::State::status=${work}/status`,
    `Dir::Cache=${work}/cache`,
    `Dir::Etc::SourceList=${work}/sources.list`,
    "Dir::Etc::SourceParts=/dev/null",
    ...architectures.map((one) => `APT::Architectures::=${one}`),
  ].flatMap((option) => ["-o", option])
  const { status, stdout, stderr } = spawnSync(program, [...options, ...words], { encoding: "utf8" })
  if (status !== 0) throw new Error(`${program} ${words.join(" ")} failed: ${stderr}`)
  return stdout
}

const newest = (work: string, name: string): DebianPackage => {
  const said = apt(work, "apt-cache", "show", "--no-all-versions", name)
  const field = (key: string): string => {
    const found = new RegExp(`^${key}: (.+)$`, "m").exec(said)?.[1]
    if (found === undefined) throw new Error(`apt-cache says no ${key} of ${name}`)
    return found
  }
  return {
    name: field("Package"),
    version: field("Version"),
    architecture: field("Architecture"),
    path: field("Filename"),
    sha256: field("SHA256"),
  }
}

const work = mkdtempSync(join(tmpdir(), "clusterconnect-repin-"))
try {
  for (const folder of ["state/lists/partial", "cache/archives/partial"]) {
    mkdirSync(join(work, folder), { recursive: true })
  }
  writeFileSync(join(work, "status"), "")
  // A fix is in the security archive weeks before it is in the main one.
  const suite = (mirror: string) => (mirror.endsWith("-security") ? `${debianRelease}-security` : debianRelease)
  const source = (mirror: string) => `deb [signed-by=${keyring}] ${mirror} ${suite(mirror)} main\n`
  const mirrors = debianMirrors().filter((mirror) => /\/debian(-security)?$/.test(mirror))
  writeFileSync(join(work, "sources.list"), mirrors.map(source).join(""))
  apt(work, "apt-get", "update")
  const found = packages.map((name) => newest(work, name))
  const file = join(import.meta.dir, "debianPins.ts")
  const head = /^[\s\S]*debianPins: readonly DebianPackage\[\] = /.exec(readFileSync(file, "utf8"))?.[0]
  writeFileSync(file, `${head}${JSON.stringify(found, null, 2)}\n`)
  spawnSync(process.execPath, ["x", "--no-install", "biome", "check", "--write", file], { stdio: "ignore" })
} finally {
  rmSync(work, { recursive: true })
}
