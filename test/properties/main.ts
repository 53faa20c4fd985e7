/** `bun run test:long properties [--rounds N] [--seed S]`: every test file with random values, each round with a seed of its own. */
import { spawnSync } from "node:child_process"
import { randomInt } from "node:crypto"
import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { root, sourceFiles } from "../project.ts"

const { values } = parseArgs({ options: { rounds: { type: "string" }, seed: { type: "string" } } })
const first = Number(values.seed ?? randomInt(2 ** 30))
const rounds = Number(values.rounds ?? (values.seed === undefined ? 20 : 1))
if (!Number.isInteger(first) || !(rounds > 0)) {
  console.error("usage: bun run test:long properties [--rounds N] [--seed INTEGER]")
  process.exit(2)
}

const files = sourceFiles().filter(
  (file) => file.endsWith(".test.ts") && readFileSync(file, "utf8").includes('from "fast-check"'),
)

const failed: number[] = []
for (let seed = first; seed < first + rounds; seed += 1) {
  console.log(`seed ${seed} (${seed - first + 1} of ${rounds})`)
  const { status } = spawnSync(process.execPath, ["test", "--timeout=60000", "--dots", ...files], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, CLUSTERCONNECT_PROPERTY_SEED: `${seed}` },
  })
  if (status !== 0) failed.push(seed)
}
for (const seed of failed) console.log(`again: bun run test:long properties --seed ${seed}`)
console.log(`${files.length} files, ${rounds} seeds, ${failed.length} failed`)
process.exit(failed.length === 0 ? 0 : 1)
