import { Options } from "@effect/cli"
import { Option } from "effect"
import { count, runLong } from "../longProgram.ts"
import { runSeeds } from "./runSeeds.ts"

runLong(
  {
    name: "bun run test:long model",
    about: "Streams on a simulated network in virtual time. Prints every seed that fails.",
    options: {
      seeds: count("seeds", "How many lives.", 5_000),
      from: count("from", "The first seed; the others follow it.", 1),
      seed: Options.integer("seed").pipe(
        Options.withPseudoName("N"),
        Options.withDescription("This one alone, told in full."),
        Options.optional,
      ),
    },
  },
  async (_, { seeds, from, seed }) => {
    const failed = Option.isSome(seed)
      ? await runSeeds({ from: seed.value, seeds: 1, inFull: true })
      : await runSeeds({ from, seeds, inFull: false })
    return failed === 0
  },
)
