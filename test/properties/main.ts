import { randomInt } from "node:crypto"
import { countOr, rounds, runLong } from "../longProgram.ts"
import { runRounds } from "./runRounds.ts"

runLong(
  {
    name: "bun run test:long properties",
    about: "Every test file with random values, each round with a seed of its own.",
    options: {
      rounds: rounds("How many seeds, one after the other.", "20, or 1 with --seed"),
      seed: countOr("seed", "The first seed, as an earlier run printed it.", "another one each time"),
    },
  },
  async (stack, { seed, rounds = seed === undefined ? 20 : 1 }) =>
    (await runRounds(stack, seed ?? randomInt(2 ** 30), rounds)) === 0,
)
