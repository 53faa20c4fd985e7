/**
 * Streams of bulk data, each on a connection of its own, for a time. Argument: JSON {target, streams, seconds, direction}.
 * Prints {bytes: bytes per stream, seconds}; what came in the first fifth of the time does not count. An upload's bytes are those that left
 * the process: where buffers are large beside the link, ask the far end. Or prints {error}, and ends with 1.
 */
import https from "node:https"
import { bulk, type Target, upload } from "../path/Target.ts"

const { target, streams, seconds, direction } = JSON.parse(process.argv[2] ?? "{}") as {
  target: Target
  streams: number
  seconds: number
  direction: "down" | "up"
}
const warmUpShare = 0.2
const block = Buffer.alloc(64 * 1024, "clusterconnect ")
const counted = Array.from({ length: streams }, () => 0)
let counting = false
const { host, port, ca, servername, authorization } = target
const common = {
  host,
  port,
  ca,
  rejectUnauthorized: true,
  agent: new https.Agent({ maxSockets: streams }),
  ...(servername === undefined ? {} : { servername }),
  headers: authorization === undefined ? {} : { authorization },
}
const download = (index: number) => {
  const request = https.request({ ...common, path: bulk(1e13) }, (response) => {
    if (response.statusCode !== 200) return fail(new Error(`status ${response.statusCode}`))
    response.on("error", fail)
    response.on("data", (chunk: Buffer) => {
      if (counting) counted[index]! += chunk.byteLength
    })
  })
  request.on("error", fail)
  request.end()
}
const send = (index: number) => {
  const request = https.request({ ...common, path: upload, method: "PUT" })
  request.on("error", fail)
  // It never ends, so that nothing answers it but who refuses it.
  request.on("response", ({ statusCode }) => fail(new Error(`status ${statusCode}`)))
  const more = () => {
    for (;;) {
      // What a full pipe does not take has not left; the pipe's own length is the same at both looks.
      if (counting) counted[index]! += block.byteLength
      if (!request.write(block)) return void request.once("drain", more)
    }
  }
  more()
}
const fail = (error: Error) => {
  process.stdout.write(`${JSON.stringify({ error: error.message })}\n`)
  process.exit(1)
}
for (let index = 0; index < streams; index += 1) (direction === "down" ? download : send)(index)
await new Promise((resolve) => setTimeout(resolve, seconds * warmUpShare * 1_000))
const began = performance.now()
counting = true
await new Promise((resolve) => setTimeout(resolve, seconds * (1 - warmUpShare) * 1_000))
counting = false
process.stdout.write(`${JSON.stringify({ bytes: counted, seconds: (performance.now() - began) / 1_000 })}\n`)
process.exit(0)
