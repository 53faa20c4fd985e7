/** `bun run test:long NAME`: programs that take too long for every change. */
import { spawnSync } from "node:child_process"
import { root } from "./project.ts"

interface Program {
  readonly what: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

const programs: Readonly<Record<string, Program>> = {
  streams: {
    what: "the properties of the stream core over 60,000 random runs each (about 25 min); a failing seed is printed",
    args: ["test", "--timeout=7200000", "protocol/core/properties.test.ts"],
    env: { CLUSTERCONNECT_PROPERTY_RUNS: "60000" },
  },
  attack: {
    what: "random attacks on relay and auth proxy, judged by the API server's audit log (10 min; --minutes N, --seed S)",
    args: ["test/attack-long/main.ts"],
  },
}

const program = programs[process.argv[2] ?? ""]
if (program === undefined) {
  console.error("usage: bun run test:long NAME [ARGUMENT…]")
  for (const [name, { what }] of Object.entries(programs)) console.error(`  ${name.padEnd(8)} ${what}`)
  process.exit(2)
}
const { status } = spawnSync(process.execPath, [...program.args, ...process.argv.slice(3)], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, ...program.env },
})
process.exit(status ?? 1)
