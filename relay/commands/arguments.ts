import { Args, HelpDoc, Options } from "@effect/cli"
import { Effect, Either, Option, Schema } from "effect"
import { defaultJoinTokenSeconds, maxJoinTokenSeconds } from "../../protocol/enrolment.ts"
import type { Spki } from "../../protocol/keys.ts"
import { ClusterName, IdentityKey } from "../store/RegistrationEntry.ts"

/** A wrong value is a wrong command line: exit code 2, before anything is opened. */
const wrong = (expected: string) => Effect.fail(HelpDoc.p(expected))

export const cluster = Args.text({ name: "CLUSTER" }).pipe(
  Args.withDescription("Name of the cluster."),
  Args.mapEffect((name) =>
    Schema.is(ClusterName)(name)
      ? Effect.succeed(name)
      : wrong(`CLUSTER: expected lower-case letters, digits and inner hyphens, at most 40, found ${name}`),
  ),
)

export const identityKey = Args.text({ name: "KEY" }).pipe(
  Args.withDescription("The key itself, as one word."),
  Args.mapEffect((text) =>
    Either.match(Schema.decodeUnknownEither(IdentityKey)(text.startsWith("{") ? parsed(text) : text), {
      onRight: (key) => Effect.succeed(key as Spki),
      onLeft: () => wrong("KEY: expected a public Ed25519 JWK, or the base64url of an Ed25519 SubjectPublicKeyInfo"),
    }),
  ),
)

export const joinTokenSeconds = Options.integer("seconds").pipe(
  Options.withPseudoName("SECONDS"),
  Options.withDescription(`How long it is good, at most ${maxJoinTokenSeconds}. Default: ${defaultJoinTokenSeconds}.`),
  Options.filterMap(
    (seconds) => (seconds >= 1 && seconds <= maxJoinTokenSeconds ? Option.some(seconds) : Option.none()),
    `--seconds: expected 1 to ${maxJoinTokenSeconds}`,
  ),
  Options.optional,
)

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
