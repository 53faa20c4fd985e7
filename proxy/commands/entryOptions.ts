import { Args, Options } from "@effect/cli"
import { defaultsTo } from "../../platform/commandLine.ts"
import { servingOptions } from "./proxyOptions.ts"

const {
  output: _output,
  logFormat: _logFormat,
  token: _token,
  acceptNewPin: _acceptNewPin,
  ...settings
} = servingOptions

/** What `kubeconfig` and the plugin that it names are told alike. */
export const entryOptions = {
  cluster: Args.text({ name: "CLUSTER" }).pipe(Args.withDescription("Name of a cluster as its relay knows it.")),
  ...settings,
  idle: Options.integer("idle").pipe(
    Options.withPseudoName("SECONDS"),
    Options.withDescription("The proxy ends after so long without a connection, 60 to 86400; 0 is never."),
    defaultsTo(1_800),
  ),
  variable: Options.text("variable").pipe(
    Options.withPseudoName("NAME[=VALUE]"),
    Options.withDescription(
      "A variable that the token command needs, kept in the entry with its value of now; may be repeated. Not for secrets.",
    ),
    Options.repeated,
  ),
} as const
