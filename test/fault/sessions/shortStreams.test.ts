import { expect, test } from "bun:test"
import { shortBeforeUs } from "./shortStreams.ts"

const atAuthProxy = (reason: string, bytesSent: number, bytesReceived = 7) =>
  JSON.stringify({ message: "stream", type: "ended", reason, bytesSent, bytesReceived })
const atProxy = (reason: string, bytesReceived: number, bytesSent = 7) =>
  JSON.stringify({ message: "stream ended", reason, bytesSent, bytesReceived })

test("a stream is short before us only when both ends agree on every byte and on a good end", () => {
  const short = (auth: string, proxy: string) => shortBeforeUs(["no JSON", auth], [proxy], 1_000)
  expect(short(atAuthProxy("closed", 900), atProxy("closed", 900))).toBe(1)
  expect(short(atAuthProxy("closed", 1_001), atProxy("closed", 1_001)), "it is whole").toBe(0)
  expect(short(atAuthProxy("closed", 900), atProxy("closed", 800)), "bytes were lost on our way").toBe(0)
  expect(short(atAuthProxy("closed", 900), atProxy("reader-gone", 900)), "it was cut").toBe(0)
  expect(short(atAuthProxy("api-server-gone", 900), atProxy("closed", 900)), "it was cut").toBe(0)
  expect(short(atAuthProxy("closed", 400), atProxy("closed", 400)), "it is another stream").toBe(0)
})
