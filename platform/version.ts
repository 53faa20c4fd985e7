import packageJson from "../package.json" with { type: "json" }

/** Set by `bun build --define`, so that a release binary carries the tag it was built from. */
declare const CLUSTERCONNECT_VERSION: string | undefined

/** The program's version: what the build stamped, else the version in package.json (the bundler copies it into the binary). */
export const version: string =
  typeof CLUSTERCONNECT_VERSION === "string" && CLUSTERCONNECT_VERSION !== ""
    ? CLUSTERCONNECT_VERSION
    : packageJson.version

/** The one Bun release that the conformance tests were run on. */
export const requiredBun: string = packageJson.engines.bun

/** The program was started by another runtime than the one it was tested on. */
export class UnsupportedRuntime extends Error {
  override readonly name = "UnsupportedRuntime"

  constructor(found: string | undefined) {
    super(
      found === undefined
        ? `ClusterConnect needs Bun ${requiredBun}, and this is not Bun. Start it with \`bun\` or use the compiled binary.`
        : `ClusterConnect needs Bun ${requiredBun} exactly; this is Bun ${found}. Install it with \`npm install bun@${requiredBun}\` or use the compiled binary.`,
    )
  }
}

/**
 * Throws {@link UnsupportedRuntime} unless the running Bun is the pinned one. Called first by every program: patch releases
 * have hung upgrades and broken client TLS, which would show as a cluster that cannot be reached.
 */
export function checkRuntime(found: string | undefined = process.versions.bun): void {
  if (found !== requiredBun) throw new UnsupportedRuntime(found)
}
