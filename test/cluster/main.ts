import { Args, Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { wrongUsage } from "../../platform/commandLine.ts"
import { runTool } from "../longProgram.ts"
import { down, status, up } from "./commands.ts"
import { prepareCluster } from "./startCluster.ts"

const level = Options.boolean("control-plane").pipe(
  Options.withDescription("Only an API server, without pods."),
  Options.map((only) => (only ? "control-plane" : "node")),
)
const closed = Options.boolean("open").pipe(
  Options.withDescription("Leaves it open to inbound connections."),
  Options.map((open) => !open),
)
const emulatedVersion = Options.text("emulated-version").pipe(
  Options.withPseudoName("MAJOR.MINOR"),
  Options.withDescription("The API server behaves as this older version, such as 1.34."),
  Options.mapEffect((version) =>
    /^\d+\.\d+$/.test(version)
      ? Effect.succeed({ emulatedVersion: version })
      : Effect.fail(wrongUsage("--emulated-version: expected two numbers, such as 1.34")),
  ),
  Options.withDefault({}),
)
const number = Args.integer({ name: "NUMBER" }).pipe(
  Args.withDescription('This one. Default: those that "up" started.'),
  Args.optional,
)

/** A failure is one line: who started it does not need to know where in the code it came from. */
const doing = (work: () => void | Promise<void>) =>
  Effect.tryPromise({ try: async () => work(), catch: (error) => error })

const program = Command.make("bun run cluster").pipe(
  Command.withDescription("The real Kubernetes that the tests run on, by itself."),
  Command.withSubcommands([
    Command.make("up", { level, closed, version: emulatedVersion }, ({ level, closed, version }) =>
      doing(() => up({ level, closed, ...version })),
    ).pipe(Command.withDescription("Start a cluster that stays: real pods, closed to every inbound connection.")),
    Command.make("status", {}, () => doing(status)).pipe(Command.withDescription("The clusters of this machine.")),
    Command.make("down", { number }, ({ number }) => doing(() => down(Option.getOrUndefined(number)))).pipe(
      Command.withDescription('End those that "up" started, or one by number.'),
    ),
    Command.make("prepare", { level }, ({ level }) => doing(() => prepareCluster({ level }))).pipe(
      Command.withDescription("Only say which provider it would be, and build what it needs."),
    ),
  ]),
)

runTool(program)
