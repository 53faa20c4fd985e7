import { join } from "node:path"
import { root } from "../project.ts"

/** Our programs by the name of their binary, and where each begins in the checkout. */
const entries = {
  clusterconnect: "proxy/main.ts",
  "clusterconnect-agent": "agent/main.ts",
  "clusterconnect-operator": "operator/main.ts",
  "clusterconnect-relay": "relay/main.ts",
} as const

/**
 * The command line of one of our programs: from the checkout by the Bun that runs the tests, or, where CLUSTERCONNECT_BINARIES
 * names a folder made by `bun run build`, as the standalone binary.
 */
export const ours = (
  program: keyof typeof entries,
  args: readonly string[],
): readonly [command: string, args: readonly string[]] => {
  const folder = process.env.CLUSTERCONNECT_BINARIES
  return folder === undefined
    ? [process.execPath, [join(root, entries[program]), ...args]]
    : [join(folder, program), args]
}

/** The command line behind another one that starts it elsewhere, as `nsenter --net=… --`. */
export const prefixed = (
  within: readonly string[],
  command: string,
  args: readonly string[],
): readonly [command: string, args: readonly string[]] => {
  const [first, ...rest] = [...within, command, ...args]
  return [first ?? command, rest]
}
