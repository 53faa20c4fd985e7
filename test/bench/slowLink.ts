import { ensurePackages } from "../cluster/programs/debianPackages.ts"
import { minutes, runLong } from "../longProgram.ts"
import { overSlowLink } from "./load/overSlowLink.ts"

runLong(
  {
    name: "bun run test:long slow-link",
    about:
      "256 kbit/s and 1 s RTT between relay and agent, a download and an upload that never end, and a small request every 5 s. First the same without us, straight over the link, for at most two minutes. No carrier may be cut: everything that waits in a queue of ours would look like a dead peer. Neither direction may stand still. Small requests have to be answered, and not later than they are without us (docs/performance.md).",
    options: { minutes },
  },
  async (stack, { minutes }) => {
    await ensurePackages("bench", console.error)
    return await overSlowLink(stack, minutes)
  },
)
