/** `bun run demo`: says what is coming, installs what the lock file names, then runs main.ts. Imports nothing from packages. */
import { spawn, spawnSync } from "node:child_process"
import { join } from "node:path"
import { root } from "../project.ts"

console.log(`ClusterConnect: the whole product on this machine, with a real Kubernetes 1.37 that nobody can dial into.
The first run builds Kubernetes from Go modules: about ten minutes on two cores, then it is cached. Later runs take about a minute.
`)
const installed = spawnSync(process.execPath, ["install", "--frozen-lockfile", "--silent"], {
  cwd: root,
  stdio: "inherit",
})
if (installed.status !== 0) process.exit(installed.status ?? 1)

const demo = spawn(process.execPath, [join(root, "test/demo/main.ts"), ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
})
// A terminal sends Ctrl-C to both; whoever signals this process alone means the demo too. It takes itself down in order.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => demo.kill(signal))
demo.once("exit", (code) => process.exit(code ?? 1))
