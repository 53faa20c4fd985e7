import { Command, Options } from "@effect/cli"
import { Effect } from "effect"
import { defaultsTo, described } from "../../platform/commandLine.ts"
import { levels, logLayer } from "../../platform/logs.ts"
import { serve as serveRelay } from "../serve.ts"

export const serve = Command.make(
  "serve",
  {
    config: Options.text("config").pipe(
      Options.withPseudoName("PATH"),
      Options.withDescription("The configuration file (YAML or JSON); see docs/relay.md."),
    ),
    logLevel: Options.choice("log-level", levels).pipe(
      Options.withDescription("Least severe log lines that are written."),
      defaultsTo("info"),
    ),
  },
  ({ config, logLevel }) => Effect.provide(serveRelay(config), logLayer({ program: "relay", level: logLevel })),
).pipe(
  Command.withDescription(
    described("Run the relay until SIGTERM; SIGHUP reads the configuration again and reopens the audit log.", {
      examples: [
        [
          "clusterconnect-relay serve --config /etc/clusterconnect/relay.yaml",
          "docs/relay.md says what stands in the file.",
        ],
      ],
    }),
  ),
)
