/** Uploads to a reader that never reads, until its standard input ends. Argument: JSON {target, count}. Says {bytes} once a second. */
import https from "node:https"
import { stalled, type Target } from "../path/Target.ts"

const { target, count } = JSON.parse(process.argv[2] ?? "{}") as { target: Target; count: number }
const { host, port, ca, servername, authorization } = target
const block = Buffer.alloc(64 * 1024)
let bytes = 0
for (let index = 0; index < count; index += 1) {
  const request = https.request({
    ...{ host, port, ca, path: stalled, method: "PUT", agent: false, rejectUnauthorized: true },
    ...(servername === undefined ? {} : { servername }),
    headers: authorization === undefined ? {} : { authorization },
  })
  request.on("error", () => {})
  const more = () => {
    do bytes += block.byteLength
    while (request.write(block))
    request.once("drain", more)
  }
  more()
}
setInterval(() => process.stdout.write(`${JSON.stringify({ bytes })}\n`), 1_000)
process.stdin.resume().on("end", () => process.exit(0))
