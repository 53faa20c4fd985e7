import { Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { described } from "../../platform/commandLine.ts"
import { version as programVersion } from "../../platform/version.ts"
import { PathBroken, RefusedByPolicy } from "../failures.ts"
import { printableJson } from "../printable.ts"
import { relayFailure } from "../relay/relayFailures.ts"
import { chooseOrigin, routeOf } from "../settings/chooseOrigin.ts"
import { normalisedRelay } from "../settings/normalisedRelay.ts"
import { isNewer, latestRelease, NoRelease, ReleaseNotTrusted } from "../update/latestRelease.ts"
import { SignatureInvalid } from "../update/sshSignature.ts"
import { trustedKeys } from "../update/trustedKeys.ts"
import { attempt, originFlags, originOptions, outputOption, places, writeOut } from "./originOptions.ts"

const options = {
  check: Options.boolean("check").pipe(
    Options.withDescription("Ask the relay's /download/ for a newer release, and verify who signed it."),
  ),
  profile: originOptions.profile,
  relay: originOptions.relay,
  caFile: originOptions.caFile,
  output: outputOption(),
} as const

/** `clusterconnect version [--check]`. */
export const version = Command.make("version", options, (given) =>
  attempt(async () => {
    const json = given.output === "json"
    if (!json) await writeOut(`clusterconnect ${programVersion}\n`)
    else if (!given.check) await writeOut(`${printableJson({ version: programVersion })}\n`)
    if (!given.check) return
    const flags = originFlags({ ...given, tokenFrom: Option.none(), tokenCommand: Option.none() })
    const { named } = await chooseOrigin(flags, process.env, places())
    const relay = normalisedRelay(flags.relay ?? (process.env.CLUSTERCONNECT_RELAY || named?.profile.relay))
    const route = routeOf(flags.caFile ?? named?.profile.caFile, process.env)
    const offered = await latestRelease(relay, await trustedKeys(process.env), route).catch((error: unknown) => {
      throw failureOf(relay, error)
    })
    const newer = isNewer(offered, programVersion)
    if (json) return await writeOut(`${printableJson({ version: programVersion, relay, offered, newer })}\n`)
    await writeOut(
      newer
        ? `${relay}/download/ has clusterconnect ${offered}, signed by a release key\n`
        : `${relay}/download/ has nothing newer (${offered}, signed by a release key)\n`,
    )
  }).pipe(Effect.asVoid),
).pipe(
  Command.withDescription(
    described("Print the version of this program, and whether the relay has a newer one.", {
      examples: [["clusterconnect version --check", "Ask the relay for a newer release; its signature is verified."]],
    }),
  ),
)

const failureOf = (relay: string, error: unknown) => {
  if (error instanceof SignatureInvalid || error instanceof ReleaseNotTrusted)
    return new RefusedByPolicy({
      hop: "relay",
      cause: "ReleaseNotTrusted",
      detail: `do not install what ${relay}/download/ offers: ${error.message}`,
    })
  if (error instanceof NoRelease) return new PathBroken({ hop: "relay", cause: "NoRelease", detail: error.message })
  return relayFailure(relay, error)
}
