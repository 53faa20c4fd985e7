import { readFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import type { Command } from "@effect/cli"
import { Option } from "effect"
import { UsageWrong } from "../failures.ts"
import { relayAccess } from "../relay/relayAccess.ts"
import { originFlags, originOptions, places, relayTokenOptions } from "./originOptions.ts"

/** Flags of every command below `clusters`. */
export const common = { ...originOptions, ...relayTokenOptions } as const
/** Path of the relay's administration. */
export const admin = "/v1/admin"

/** The relay and the caller's token for it. */
export const access = (options: Command.Command.ParseConfig<typeof common>) =>
  relayAccess(
    {
      ...originFlags(options),
      relayTokenFile: Option.getOrUndefined(options.relayTokenFile),
      relayAudience: Option.getOrUndefined(options.relayAudience),
    },
    process.env,
    places(),
  )

/** What a file holds, or with - standard input. @throws {UsageWrong} when it is not JSON */
export const jsonFile = async (from: string): Promise<unknown> => {
  const text = from === "-" ? readFileSync(0, "utf8") : await readFile(from, "utf8")
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new UsageWrong({ detail: `${from} is not JSON` })
  }
}
