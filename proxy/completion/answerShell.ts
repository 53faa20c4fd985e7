import { BunContext } from "@effect/platform-bun"
import { Effect } from "effect"
import { pagesBelow, type Root, readLine } from "../../platform/commandLine.ts"
import type { Directories } from "../directories.ts"
import { profileNamePattern } from "../profiles/Profile.ts"
import { profilesOf } from "../settings/chooseOrigin.ts"
import type { Environment } from "../settings/ProxySettings.ts"
import { clusterNames } from "./clusterNames.ts"
import { type Candidate, type Wanted, wanted } from "./wanted.ts"

/** The shell shall complete the name of a file itself. */
const files = ":files"

/**
 * The answer to the scripts of `completion`: `=WORD` is the word at the cursor, the others stand before it. One candidate on a line,
 * with a tab and what it is, or `:files`. Whatever goes wrong is no candidates: nobody reads an error in the middle of typing.
 */
export const answerShell = (
  root: Root,
  program: string,
  [atCursor = "=", ...before]: readonly string[],
  environment: Environment,
  here: () => Directories,
): Promise<string> => {
  const current = atCursor.slice(1)
  return Effect.gen(function* () {
    const line = yield* readLine(root, program, before)
    const below = yield* pagesBelow(root, program, line.page)
    const { from, prefix, without } = wanted(line, below, current)
    if (from === "files") return `${files}\n`
    const text = (option: string) => line.reading.given.get(option)
    const asking = {
      profile: text("--profile"),
      relay: text("--relay"),
      caFile: text("--ca-file"),
      relayTokenFile: text("--relay-token-file"),
      relayAudience: text("--relay-audience"),
    }
    const candidates = yield* Effect.promise(() => named(from, () => clusterNames(asking, environment, here()), here))
    return candidates
      .filter(({ value }) => `${prefix}${value}`.startsWith(current) && !without.includes(value))
      .map(({ value, about }) => `${prefix}${value}\t${about}\n`)
      .join("")
  }).pipe(
    Effect.catchAllCause(() => Effect.succeed("")),
    Effect.provide(BunContext.layer),
    Effect.runPromise,
  )
}

const named = async (
  from: Exclude<Wanted["from"], "files">,
  clusters: () => Promise<readonly string[]>,
  here: () => Directories,
): Promise<readonly Candidate[]> => {
  if (typeof from !== "string") return from
  if (from === "clusters") return (await clusters()).map((value) => ({ value, about: "cluster" }))
  const { profiles } = await profilesOf(here()).all()
  return Object.entries(profiles)
    .filter(([name]) => profileNamePattern.test(name))
    .map(([value, { relay }]) => ({ value, about: relay }))
}
