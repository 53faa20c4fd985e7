import { Args } from "@effect/cli"
import { out, quick, rounds, runLong } from "../longProgram.ts"
import { measureRows } from "./measureRows.ts"
import type { Row } from "./Row.ts"
import { cpuFull, headOfLine } from "./rows/besideBulk.ts"
import { bulkTransfer } from "./rows/bulkTransfer.ts"
import { coldParallel } from "./rows/coldParallel.ts"
import { firstByte, longLink } from "./rows/longLink.ts"
import { requestRates } from "./rows/requestRates.ts"
import { slowTakers } from "./rows/slowTakers.ts"
import { smallRequests } from "./rows/smallRequests.ts"

const rows: readonly Row[] = [
  firstByte,
  smallRequests,
  requestRates,
  bulkTransfer,
  longLink,
  headOfLine,
  cpuFull,
  slowTakers,
  coldParallel,
]

runLong(
  {
    name: "bun run bench",
    about: "The rows of docs/performance.md, each as JSON, a table and a plot.",
    options: {
      named: Args.choice(
        rows.map((row) => [row.name, row]),
        { name: "NAME" },
      ).pipe(
        Args.withDescription(`Only these: ${rows.map(({ name }) => name).join(", ")}. Default: all.`),
        Args.repeated,
      ),
      quick,
      rounds: rounds("Of each row; one makes a number of its own.", "5, or 1 with --quick"),
      out,
    },
  },
  (stack, { named, quick, rounds = quick ? 1 : 5, out }) => {
    const wanted = rows.filter((row) => named.length === 0 || named.includes(row))
    return measureRows(stack, wanted, { quick, rounds, out })
  },
)
