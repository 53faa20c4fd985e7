import { Args, Command, Options } from "@effect/cli"
import { Option, Schema } from "effect"
import { tokenView } from "../admin/views.ts"
import { defaultJoinTokenSeconds, maxJoinTokenSeconds } from "../configuration/limits.ts"
import { RequestInvalid } from "../refusals.ts"
import { ClusterName } from "../store/RegistrationEntry.ts"
import { config, onDatabase } from "./onDatabase.ts"

const cluster = Args.text({ name: "cluster" })

const create = Command.make(
  "create",
  {
    cluster,
    config,
    replace: Options.boolean("replace").pipe(
      Options.withDescription(
        "The token may replace the identity that the cluster has: for a cluster that was built anew.",
      ),
    ),
    seconds: Options.integer("seconds").pipe(
      Options.withDescription(
        `How long it is good, at most ${maxJoinTokenSeconds}; ${defaultJoinTokenSeconds} when absent.`,
      ),
      Options.optional,
    ),
  },
  ({ cluster: name, config: file, replace, seconds }) =>
    onDatabase(file, ({ administration }) => {
      if (!Schema.is(ClusterName)(name))
        throw new RequestInvalid({ detail: "expected a cluster name: lower-case letters, digits, inner hyphens" })
      return administration.createToken(name, { replace, seconds: Option.getOrUndefined(seconds) }).token
    }),
).pipe(Command.withDescription("Make a join token and print it; it is shown only now."))

const list = Command.make("list", { config }, ({ config: file }) =>
  onDatabase(file, ({ administration }) => ({ tokens: administration.tokens().map(tokenView) })),
).pipe(Command.withDescription("Print the join tokens that exist, without the tokens themselves."))

const remove = Command.make("delete", { id: Args.text({ name: "id" }), config }, ({ id, config: file }) =>
  onDatabase(file, ({ administration }) => administration.deleteToken(id)),
).pipe(Command.withDescription("Take a join token back, by the id that `token list` shows."))

export const token = Command.make("token").pipe(
  Command.withDescription("Join tokens: single use, at most 30 minutes."),
  Command.withSubcommands([create, list, remove]),
)
