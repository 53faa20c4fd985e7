import type { IncomingMessage } from "node:http"
import type { FarEnd } from "./FarEnd.ts"
import type { NearEnd } from "./NearEnd.ts"

/** A watch that is open through both ends: `next` is what comes of it, in order, beginning with `first`. */
export const openWatch = async (near: NearEnd, far: FarEnd) => {
  const there = Promise.withResolvers<(text: string) => void>()
  far.handle = (_req, res) => {
    res.writeHead(200, { "content-type": "application/json" })
    res.write("first\n")
    there.resolve((text) => void res.write(text))
  }
  const request = near.request("GET", "/api/v1/pods?watch=true")
  request.end()
  const watch = await new Promise<IncomingMessage>((resolve) => request.once("response", resolve))
  const lines = watch[Symbol.asyncIterator]()
  return {
    next: async () => String((await lines.next()).value),
    write: await there.promise,
    end: () => {
      request.on("error", () => {})
      request.destroy()
    },
  }
}
