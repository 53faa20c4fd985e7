/** As many GETs at once as asked for, each on a connection of its own. Argument: JSON {target, path, count}. Prints the sorted milliseconds. */
import https from "node:https"
import type { Target } from "../path/Target.ts"

const { target, path, count } = JSON.parse(process.argv[2] ?? "{}") as { target: Target; path: string; count: number }
const { host, port, ca, servername, authorization } = target
const headers = authorization === undefined ? {} : { authorization }
const one = () =>
  new Promise<number>((resolve, reject) => {
    const began = performance.now()
    https
      .request(
        {
          host,
          port,
          ca,
          path,
          headers,
          agent: false,
          rejectUnauthorized: true,
          ...(servername === undefined ? {} : { servername }),
        },
        (response) => {
          response.resume()
          response.on("end", () =>
            response.statusCode === 200
              ? resolve(performance.now() - began)
              : reject(new Error(`status ${response.statusCode}`)),
          )
        },
      )
      .on("error", reject)
      .end()
  })
const taken = await Promise.all(Array.from({ length: count }, one))
process.stdout.write(JSON.stringify(taken.sort((a, b) => a - b)))
process.exit(0)
