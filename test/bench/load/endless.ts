/**
 * A download or an upload that never ends, until its standard input ends. Argument: JSON {target, direction}. Says {bytes} once a second: what came
 * in, or what has left the process. Ends with 1 and {error} when it is refused or cut.
 */
import https from "node:https"
import { bulk, type Target, upload } from "../path/Target.ts"

const { target, direction } = JSON.parse(process.argv[2] ?? "{}") as { target: Target; direction: "down" | "up" }
const { host, port, ca, servername, authorization } = target
const block = Buffer.alloc(64 * 1024, "clusterconnect ")
let bytes = 0
const fail = (error: string) => {
  process.stdout.write(`${JSON.stringify({ error })}\n`)
  process.exit(1)
}
const request = https.request({
  ...{ host, port, ca, agent: false, rejectUnauthorized: true },
  ...(direction === "down" ? { path: bulk(1e13) } : { path: upload, method: "PUT" }),
  ...(servername === undefined ? {} : { servername }),
  headers: authorization === undefined ? {} : { authorization },
})
request.on("error", ({ message }) => fail(message))
request.on("response", (response) => {
  if (direction === "up" || response.statusCode !== 200) return fail(`status ${response.statusCode}`)
  response.on("data", (chunk: Buffer) => {
    bytes += chunk.byteLength
  })
  response.on("error", ({ message }) => fail(message))
  response.on("end", () => fail("the answer ended"))
})
const more = () => {
  do bytes += block.byteLength
  while (request.write(block))
  request.once("drain", more)
}
if (direction === "down") request.end()
else more()
setInterval(() => process.stdout.write(`${JSON.stringify({ bytes })}\n`), 1_000)
process.stdin.resume().on("end", () => process.exit(0))
