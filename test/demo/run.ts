/** `bun run demo`: says what is coming, installs what the lock file names, then runs main.ts. Imports nothing from packages. */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { root } from "../project.ts"

console.log(`ClusterConnect: the whole product on this machine, with a real Kubernetes 1.37 that nobody can dial into.
The first run builds Kubernetes from Go modules: about ten minutes on two cores, then it is cached. Later runs take about a minute.
`)
const run = (...args: readonly string[]) => spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" })
const installed = run("install", "--frozen-lockfile", "--silent")
if (installed.status !== 0) process.exit(installed.status ?? 1)
process.exit(run(join(root, "test/demo/main.ts"), ...process.argv.slice(2)).status ?? 1)
