import { commandWords } from "../../deploy/commandWords.ts"
import { startWorld } from "../world/World.ts"
import { tell, tellHowToUse } from "./tell.ts"

const usage = `usage: bun run demo [--keep]
The whole product on an isolated cluster, told step by step. --keep leaves it up until Ctrl-C.`
const { values } = commandWords(usage, { options: { keep: { type: "boolean", default: false } } })

const started = performance.now()
const seconds = () => `${((performance.now() - started) / 1000).toFixed(0)} s`

const stack = new AsyncDisposableStack()
/** Ctrl-C takes everything down, at whatever point it comes. */
let interrupted = false
const takeDown = async () => {
  if (!stack.disposed) console.log("\nTaking everything down ...")
  await stack.disposeAsync()
}
for (const signal of ["SIGINT", "SIGTERM"])
  process.on(signal, () => {
    if (interrupted) return
    interrupted = true
    void takeDown().then(() => process.exit(values.keep ? 0 : 130))
  })

try {
  const world = await startWorld(stack, { level: "node", onProgress: (line) => console.log(`  ${line}`) })
  const alice = await tell(world, seconds)
  if (values.keep) {
    tellHowToUse(world, alice)
    await new Promise<never>(() => {})
  }
  await takeDown()
  console.log(`Done after ${seconds()}; nothing is left behind. Run it with \`-- --keep\` to use it yourself.`)
  process.exit(0)
} catch (error) {
  if (!interrupted) {
    console.error(`\n${error instanceof Error ? error.message : String(error)}`)
    await takeDown()
    process.exit(1)
  }
}
