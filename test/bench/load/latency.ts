/**
 * Small GETs at a fixed rate, open loop: each counts from the time at which it was due, over kept connections.
 * Argument: JSON {target, path, perSecond, seconds}. Prints {count, errors, p50, p90, p99, max} in milliseconds.
 */
import https from "node:https"
import type { Target } from "../path/Target.ts"
import { quantile } from "../quantile.ts"

const { target, path, perSecond, seconds } = JSON.parse(process.argv[2] ?? "{}") as {
  target: Target
  path: string
  perSecond: number
  seconds: number
}
const agent = new https.Agent({ keepAlive: true, maxSockets: 256, timeout: 30_000 })
const headers = target.authorization === undefined ? {} : { authorization: target.authorization }
const taken: number[] = []
let errors = 0
const ask = (due: number) =>
  new Promise<void>((resolve) => {
    const fail = () => {
      errors += 1
      resolve()
    }
    const { host, port, ca, servername } = target
    const request = https.request(
      {
        host,
        port,
        ca,
        agent,
        path,
        headers,
        rejectUnauthorized: true,
        ...(servername === undefined ? {} : { servername }),
      },
      (response) => {
        response.on("error", fail)
        response.on("data", () => {})
        response.on("end", () => {
          if (response.statusCode !== 200) return fail()
          taken.push(performance.now() - due)
          resolve()
        })
      },
    )
    request.on("error", fail)
    request.end()
  })
// Connections and code warm up; nothing of it counts.
for (let round = 0; round < 5; round += 1) await Promise.all(Array.from({ length: 4 }, () => ask(performance.now())))
taken.length = 0
errors = 0
const began = performance.now()
const all: Promise<void>[] = []
const total = perSecond * seconds
for (let sent = 0; sent < total; ) {
  const due = Math.min(total, Math.floor(((performance.now() - began) / 1_000) * perSecond) + 1)
  for (; sent < due; sent += 1) all.push(ask(began + (sent / perSecond) * 1_000))
  await new Promise((resolve) => setTimeout(resolve, 1))
}
await Promise.race([Promise.all(all), new Promise((resolve) => setTimeout(resolve, 30_000))])
taken.sort((a, b) => a - b)
process.stdout.write(
  `${JSON.stringify({
    count: taken.length,
    errors: errors + (total - taken.length - errors),
    p50: quantile(taken, 0.5),
    p90: quantile(taken, 0.9),
    p99: quantile(taken, 0.99),
    max: taken.at(-1) ?? 0,
  })}\n`,
)
process.exit(0)
