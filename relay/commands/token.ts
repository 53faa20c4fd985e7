import { Args, Command, Options } from "@effect/cli"
import { Option } from "effect"
import { described } from "../../platform/commandLine.ts"
import { tokenView } from "../admin/views.ts"
import { cluster, joinTokenSeconds } from "./arguments.ts"
import { config, onDatabase } from "./onDatabase.ts"

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
    seconds: joinTokenSeconds,
  },
  ({ cluster: name, config: file, replace, seconds }) =>
    onDatabase(
      file,
      ({ administration }) =>
        administration.createToken(name, { replace, seconds: Option.getOrUndefined(seconds) }).token,
    ),
).pipe(
  Command.withDescription(
    described("Make a join token and print it; it is shown only now.", {
      examples: [
        ["clusterconnect-relay token create edge-1 --config /etc/clusterconnect/relay.yaml", "For a new cluster."],
        [
          "clusterconnect-relay token create edge-1 --replace --seconds 600 --config /etc/clusterconnect/relay.yaml",
          "For a cluster that was built anew, good for ten minutes.",
        ],
      ],
    }),
  ),
)

const list = Command.make("list", { config }, ({ config: file }) =>
  onDatabase(file, ({ administration }) => ({ tokens: administration.tokens().map(tokenView) })),
).pipe(Command.withDescription("Print the join tokens that exist, without the tokens themselves."))

const remove = Command.make(
  "delete",
  { id: Args.text({ name: "ID" }).pipe(Args.withDescription("The token's id; not the token.")), config },
  ({ id, config: file }) => onDatabase(file, ({ administration }) => administration.deleteToken(id)),
).pipe(
  Command.withDescription(
    described("Take a join token back, by the id that `token list` shows.", {
      examples: [
        [
          "clusterconnect-relay token delete 4f0c2f6e --config /etc/clusterconnect/relay.yaml",
          "It registers nothing any more.",
        ],
      ],
    }),
  ),
)

export const token = Command.make("token").pipe(
  Command.withDescription("Join tokens: single use, at most 30 minutes."),
  Command.withSubcommands([create, list, remove]),
)
