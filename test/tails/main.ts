import { Options } from "@effect/cli"
import { count, countOr, runLong } from "../longProgram.ts"
import { table } from "../plots/table.ts"
import { prepareCases, throughUs } from "./cases.ts"
import { type Measured, measured } from "./measured.ts"

const say = (line: string) => console.error(`tails: ${line}`)

runLong(
  {
    name: "bun run test:long tails",
    about:
      "The last bytes of what comes out of a pod, into a kubectl that lags behind, over both protocols; through us and, as the control, beside the API server: also into a client that sends nothing. A server that is done closes while megabytes are still in queues, and a ping of kubectl's that meets its closed socket throws them away. Exits with 1 when anything through us was short.",
    options: {
      times: count("times", "How often each case is tried through us.", 100),
      direct: countOr("direct", "How often without us.", "a fifth of --times"),
      only: Options.text("only").pipe(
        Options.withPseudoName("TEXT"),
        Options.withDescription("The cases that have it in their name. Default: all."),
        Options.withDefault(""),
      ),
    },
  },
  async (stack, { times, direct = Math.ceil(times / 5), only }) => {
    const cases = await prepareCases(stack, { times, directTimes: direct, say })
    const results: Measured[] = []
    for (const one of cases.filter(({ label }) => label.includes(only))) results.push(await measured(one, say))
    console.log(
      table([
        ["", "times", "not whole", "most bytes lost"],
        ...results.map(({ label, times, short, most }) => [label, `${times}`, `${short}`, `${most}`]),
      ]),
    )
    return !results.some(({ label, short }) => label.startsWith(throughUs) && short > 0)
  },
)
