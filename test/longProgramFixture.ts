/** A program for longProgram.test.ts. It leaves a handle open, which nothing but the end of the process closes. */
import { setImmediate } from "node:timers/promises"
import { Options } from "@effect/cli"
import { count, out, quick, runLong, seed } from "./longProgram.ts"

const endings = ["well", "not-well", "failure", "never"] as const

runLong(
  {
    name: "fixture",
    about: "Ends as it is told to.",
    options: {
      quick,
      out,
      seed: seed(),
      times: count("times", "How often it says so.", 1),
      ending: Options.choice("ending", endings).pipe(
        Options.withDescription("How it ends. Default: well."),
        Options.withDefault("well"),
      ),
    },
  },
  async (stack, given) => {
    setInterval(() => {}, 60_000)
    stack.defer(async () => {
      // The end of the process waits for it.
      await setImmediate()
      console.log("disposed")
    })
    for (let time = 0; time < given.times; time += 1) console.log("begun")
    if (given.ending === "failure") throw new Error("the ground gave way")
    if (given.ending === "never") await new Promise<never>(() => {})
    return given.ending === "well"
  },
)
