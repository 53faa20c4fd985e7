import { Command, Options } from "@effect/cli"
import { described } from "../../platform/commandLine.ts"
import { config, onDatabase } from "./onDatabase.ts"

const who = {
  config,
  issuer: Options.text("issuer").pipe(
    Options.withPseudoName("URL"),
    Options.withDescription("The token's iss, character by character."),
  ),
  subject: Options.text("subject").pipe(Options.withPseudoName("SUBJECT"), Options.withDescription("The token's sub.")),
}

const revoke = Command.make("revoke", who, ({ config: file, issuer, subject }) =>
  onDatabase(file, ({ administration }) => administration.revokeCaller(issuer, subject)),
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

const restore = Command.make("restore", who, ({ config: file, issuer, subject }) =>
  onDatabase(file, ({ administration }) => administration.restoreCaller(issuer, subject)),
).pipe(Command.withDescription("Admit a revoked caller again."))

const list = Command.make("list", { config }, ({ config: file }) =>
  onDatabase(file, ({ administration }) => ({ revoked: administration.revokedCallers() })),
).pipe(Command.withDescription("Print the revoked callers."))

export const caller = Command.make("caller").pipe(
  Command.withDescription("Callers that are revoked whatever the policy says."),
  Command.withSubcommands([revoke, restore, list]),
)
