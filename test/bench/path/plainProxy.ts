/** The control for one hop of Bun: TLS in, TLS out, nothing decided. Arguments: certificate file, key file, CA file, the stub's port. */
import { readFileSync } from "node:fs"
import https from "node:https"
import type { AddressInfo } from "node:net"

const [certFile = "", keyFile = "", caFile = "", port = "0"] = process.argv.slice(2)
const agent = new https.Agent({ keepAlive: true, ca: readFileSync(caFile), rejectUnauthorized: true })
const server = https.createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (request, response) => {
  const { method = "GET", url = "/", headers } = request
  const upstream = https.request(
    { host: "127.0.0.1", port: Number(port), agent, method, path: url, headers },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      answer.pipe(response)
    },
  )
  upstream.on("error", () => response.destroy())
  request.pipe(upstream)
})
server.requestTimeout = 0
server.keepAliveTimeout = 300_000
server.listen(0, "127.0.0.1", () => {
  console.error(
    JSON.stringify({ message: "listening", host: "127.0.0.1", port: (server.address() as AddressInfo).port }),
  )
})
