/**
 * Fetches a URL at a bounded rate and prints a JSON line for every piece, then `{sha256, bytes}`; `{error, bytes}` when it was cut short or fell
 * silent for good. A program of its own: it runs where the user is.
 */
import { createHash } from "node:crypto"
import http from "node:http"

const [url = "", bytesPerSecond = "1000000"] = process.argv.slice(2)
const rate = Number(bytesPerSecond)
const sum = createHash("sha256")
let bytes = 0
const began = performance.now()
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
const fail = (error: Error) => {
  say({ error: error.message, bytes })
  process.exit(1)
}
/** Longer than every fault and the time in which a session has to speak again. */
const silenceMillis = 120_000
const silence = setTimeout(() => fail(new Error(`silent for ${silenceMillis / 1_000} s`)), silenceMillis)
http
  .get(url, (response) => {
    response.on("data", (chunk: Buffer) => {
      sum.update(chunk)
      bytes += chunk.byteLength
      silence.refresh()
      say({ bytes })
      const early = (bytes / rate) * 1_000 - (performance.now() - began)
      if (early < 50) return
      response.pause()
      setTimeout(() => response.resume(), early)
    })
    response.on("error", fail)
    response.on("end", () => {
      if (!response.complete) return fail(new Error("cut short"))
      clearTimeout(silence)
      say({ sha256: sum.digest("hex"), bytes })
    })
  })
  .on("error", fail)
