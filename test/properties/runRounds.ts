import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { root, sourceFiles } from "../project.ts"

/** Runs every test file with random values, each round with a seed of its own; prints those that failed. Resolves to how many. */
export const runRounds = async (stack: AsyncDisposableStack, first: number, rounds: number): Promise<number> => {
  const files = sourceFiles().filter(
    (file) => file.endsWith(".test.ts") && readFileSync(file, "utf8").includes('from "fast-check"'),
  )
  const failed: number[] = []
  for (let seed = first; seed < first + rounds; seed += 1) {
    console.log(`seed ${seed} (${seed - first + 1} of ${rounds})`)
    const child = spawn(process.execPath, ["test", "--timeout=60000", "--dots", ...files], {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, CLUSTERCONNECT_PROPERTY_SEED: `${seed}` },
    })
    stack.defer(() => void child.kill())
    const [code] = await once(child, "exit")
    if (code !== 0) failed.push(seed)
  }
  for (const seed of failed) console.log(`again: bun run test:long properties --seed ${seed}`)
  console.log(`${files.length} files, ${rounds} seeds, ${failed.length} failed`)
  return failed.length
}
