/** `bun run test:long NAME`: programs that take too long for every change. */
import { spawnSync } from "node:child_process"
import { randomInt } from "node:crypto"
import { root } from "./project.ts"

interface Program {
  readonly what: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

const programs: Readonly<Record<string, Program>> = {
  tokens: {
    what: "exec, watch and helm install of more than 5 min through tokens that live 60 s: on a real cluster, and with the path cut at every renewal",
    args: ["test", "--timeout=1800000", "-t", "outlive", "./test/tokens-long", "./test/client/ci.test.ts"],
    env: { CLUSTERCONNECT_TOKEN_SECONDS: "60", CLUSTERCONNECT_TOKEN_GENERATIONS: "8" },
  },
  properties: {
    what: "every test file with random values, 20 times with a new seed each (15 min; --rounds N, --seed S for one)",
    args: ["test/properties/main.ts"],
  },
  streams: {
    what: "the properties of the stream core over 60,000 random runs each (about 25 min); a failing seed is printed",
    args: ["test", "--timeout=7200000", "protocol/core/properties.test.ts"],
    env: { CLUSTERCONNECT_PROPERTY_RUNS: "60000", CLUSTERCONNECT_PROPERTY_SEED: `${randomInt(2 ** 30)}` },
  },
  model: {
    what: "streams on a simulated network in virtual time, 5,000 random lives (about 3 min; --seeds N, --from S, --seed S for one)",
    args: ["test/model/main.ts"],
  },
  faults: {
    what: "real kubectl sessions of every kind while every part is killed, drained, cut off and stopped (10 min; --quick, --seed N, --out FOLDER)",
    args: ["test/fault/main.ts"],
  },
  leaks: {
    what: "100,000 streams opened and ended, killed at every step, in 10 rounds: open files, memory and maps do not grow (20 min; --quick, --streams N, --seed N, --out FOLDER)",
    args: ["test/leaks/main.ts"],
  },
  exact: {
    what: "1,000 streams over a link with 1 % loss while carriers are cut, ended right after the last write in every order: SHA-256 at both ends (3 min; --times N, --seed N, --out FOLDER)",
    args: ["test/exact/main.ts"],
  },
  tails: {
    what: "kubectl exec and cp out of a pod into a reader that lags behind, over both protocols, beside direct ones (25 min; --times N, --direct N, --only TEXT for the cases that have it in their name)",
    args: ["test/tails/main.ts"],
  },
  operator: {
    what: "the operator while nothing happens for two minutes, and while its relay is away for five and loses its database; sessions open while all is replaced (20 min)",
    args: ["test", "--timeout=900000", "./test/operator-long"],
  },
  "slow-link": {
    what: "bulk both ways over 256 kbit/s with 1 s RTT for 10 min: no carrier is cut, small requests are answered as soon as without us (--minutes N)",
    args: ["test/bench/slowLink.ts"],
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
