import { out, quick, runLong, seed } from "../longProgram.ts"
import { report } from "./report.ts"
import { runFaults } from "./runFaults.ts"
import { isCutTooOften } from "./sessions/isCutTooOften.ts"

const say = (line: string) => console.error(`faults: ${line}`)

runLong(
  {
    name: "bun run test:long faults",
    about:
      "Real kubectl sessions of every kind over both protocols while the parts of the path are killed, drained, cut off and stopped. Exits with 1 when a session was lost or a byte was wrong. Copies that the cluster itself ended short are counted apart, beside a control: copies without us, which stand still for as long as ours heard nothing. With many more of them than in the control it exits with 1 as well.",
    options: { quick, seed: seed(), out },
  },
  async (stack, asked) => {
    const found = await runFaults(stack, { ...asked, say })
    const lost = report(found, asked)
    const cutTooOften = isCutTooOften(found.copies.ours, found.copies.control)
    if (cutTooOften) say("more copies were cut short than the cluster cuts by itself: see docs/decisions/0089")
    return lost === 0 && !cutTooOften
  },
)
