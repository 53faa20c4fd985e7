import { chmodSync, rmSync } from "node:fs"
import net from "node:net"

/**
 * A program: `bun forward.ts LISTEN TARGET`, each `unix:PATH` or `tcp:HOST:PORT`. Every accepted connection becomes one to
 * the target; half-closes and back pressure pass. Inside a closed cluster it is the tests' way in: a Unix socket belongs
 * to no network namespace. Prints `listening tcp:HOST:PORT` or `listening unix:PATH` when it accepts.
 */
function main(listen: string, target: string): void {
  const server = net.createServer({ allowHalfOpen: true }, (accepted) => {
    const dialled = net.connect({ ...endpoint(target), allowHalfOpen: true })
    const end = () => {
      accepted.destroy()
      dialled.destroy()
    }
    accepted.on("error", end)
    dialled.on("error", end)
    accepted.on("close", () => dialled.destroy())
    dialled.on("close", () => accepted.destroy())
    accepted.pipe(dialled)
    dialled.pipe(accepted)
  })
  const at = endpoint(listen)
  if ("path" in at) rmSync(at.path, { force: true })
  server.listen(at, () => {
    if ("path" in at) chmodSync(at.path, 0o600)
    const address = server.address()
    const where = address !== null && typeof address === "object" ? `tcp:${address.address}:${address.port}` : listen
    process.stdout.write(`listening ${where}\n`)
  })
}

function endpoint(text: string): { path: string } | { host: string; port: number } {
  const [scheme, ...rest] = text.split(":")
  if (scheme === "unix") return { path: rest.join(":") }
  return { host: rest.slice(0, -1).join(":"), port: Number(rest.at(-1)) }
}

const [listen, target] = process.argv.slice(2)
if (listen === undefined || target === undefined) {
  process.stderr.write("usage: forward.ts unix:PATH|tcp:HOST:PORT unix:PATH|tcp:HOST:PORT\n")
  process.exit(2)
}
main(listen, target)
