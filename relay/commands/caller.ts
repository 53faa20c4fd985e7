import { Command, Options } from "@effect/cli"
import { described } from "../../platform/commandLine.ts"
import { restoreCaller, revokeCaller } from "../admin/callersByIssuer.ts"
import { config, onDatabase } from "./onDatabase.ts"

const who = {
  config,
  issuer: Options.text("issuer").pipe(
    Options.withPseudoName("ISSUER"),
    Options.withDescription(
      "The issuer's name in the configuration, or its URL (the token's iss), character by character.",
    ),
  ),
  subject: Options.text("subject").pipe(Options.withPseudoName("SUBJECT"), Options.withDescription("The token's sub.")),
}

const unconfiguredIssuer = Options.boolean("unconfigured-issuer").pipe(
  Options.withDescription(
    "Take an issuer that is not in the configuration (any more) as it is written; a wrong one revokes nobody.",
  ),
)

const revoke = Command.make(
  "revoke",
  { ...who, unconfiguredIssuer },
  ({ config: file, unconfiguredIssuer, ...caller }) =>
    onDatabase(file, ({ administration, issuers }) =>
      revokeCaller(administration, issuers, caller, unconfiguredIssuer),
    ),
).pipe(
  Command.withDescription(
    described("Cut the caller's carriers within 5 s and admit them no more.", {
      examples: [
        [
          "clusterconnect-relay caller revoke --issuer https://id.example.com --subject 7d1c --config /etc/clusterconnect/relay.yaml",
          "Whatever the policy says, until restored.",
        ],
      ],
    }),
  ),
)

const restore = Command.make("restore", who, ({ config: file, ...caller }) =>
  onDatabase(file, ({ administration, issuers }) => restoreCaller(administration, issuers, caller)),
).pipe(Command.withDescription("Admit a revoked caller again."))

const list = Command.make("list", { config }, ({ config: file }) =>
  onDatabase(file, ({ administration }) => ({ revoked: administration.revokedCallers() })),
).pipe(Command.withDescription("Print the revoked callers."))

export const caller = Command.make("caller").pipe(
  Command.withDescription("Callers that are revoked whatever the policy says."),
  Command.withSubcommands([revoke, restore, list]),
)
