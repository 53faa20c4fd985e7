/** The machines that releases are built for. Names as users know them (`uname`, Go), not as Bun's packages call them. */
export interface Target {
  readonly name: string
  /** The npm package of Bun's own executable for this machine; its integrity is in bun.lock. */
  readonly bunPackage: string
  readonly executableSuffix: "" | ".exe"
}

const target = (name: string, bunName: string): Target => ({
  name,
  bunPackage: `@oven/bun-${bunName}`,
  executableSuffix: name.startsWith("windows-") ? ".exe" : "",
})

export const targets: readonly Target[] = [
  target("linux-x64", "linux-x64"),
  target("linux-arm64", "linux-aarch64"),
  target("linux-x64-musl", "linux-x64-musl"),
  target("linux-arm64-musl", "linux-aarch64-musl"),
  target("darwin-x64", "darwin-x64"),
  target("darwin-arm64", "darwin-aarch64"),
  target("windows-x64", "windows-x64"),
  target("windows-arm64", "windows-aarch64"),
]

/** Servers run in containers and on Linux hosts; the client runs wherever its users are. */
const serverTargets: readonly string[] = ["linux-x64", "linux-arm64"]

export const targetNamed = (name: string): Target => {
  const found = targets.find((one) => one.name === name)
  if (found === undefined) throw new Error(`no target ${name}; there are: ${targets.map((one) => one.name).join(", ")}`)
  return found
}

/** The targets that a release has of a program. */
export const targetsOf = (program: string): readonly Target[] =>
  program === "clusterconnect" ? targets : targets.filter(({ name }) => serverTargets.includes(name))

/** A released file's name: `clusterconnect-linux-x64`, `clusterconnect-windows-arm64.exe`. */
export const releasedName = (program: string, { name, executableSuffix }: Target): string =>
  `${program}-${name}${executableSuffix}`
