/** Downloads of 500 MB whose readers take one piece a second, until its standard input ends. Argument: JSON {target, count}. Says {bytes} once a second: what was taken. */
import https from "node:https"
import { bulk, type Target } from "../path/Target.ts"

const { target, count } = JSON.parse(process.argv[2] ?? "{}") as { target: Target; count: number }
const { host, port, ca, servername, authorization } = target
const pauseMillis = 1_000
let bytes = 0
for (let index = 0; index < count; index += 1) {
  const request = https.request({
    ...{ host, port, ca, path: bulk(5e8), agent: false, rejectUnauthorized: true },
    ...(servername === undefined ? {} : { servername }),
    headers: authorization === undefined ? {} : { authorization },
  })
  request.on("error", () => {})
  request.on("response", (response) => {
    response.on("error", () => {})
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.byteLength
      response.pause()
      setTimeout(() => response.resume(), pauseMillis)
    })
  })
  request.end()
}
setInterval(() => process.stdout.write(`${JSON.stringify({ bytes })}\n`), 1_000)
process.stdin.resume().on("end", () => process.exit(0))
