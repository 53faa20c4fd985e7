/**
 * Stands where the API server stands, because on two cores a real one is the limit: answers at once, sends and swallows bytes as fast as
 * it can. No test uses it; it proves nothing but speed. Arguments: certificate file, key file, host. Says once a second what uploads have brought.
 */
import { readFileSync } from "node:fs"
import https from "node:https"
import type { AddressInfo } from "node:net"
import { small, stalled, upload } from "./Target.ts"

const [certFile = "", keyFile = "", host = "127.0.0.1"] = process.argv.slice(2)
const object = JSON.stringify({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "small" },
  data: { text: "x".repeat(800) },
})
const block = Buffer.alloc(64 * 1024, "clusterconnect ")
let uploadedBytes = 0
let saidBytes = 0
setInterval(() => {
  if (uploadedBytes === saidBytes) return
  saidBytes = uploadedBytes
  console.error(JSON.stringify({ message: "uploaded", bytes: uploadedBytes }))
}, 1_000)
const json = { "content-type": "application/json" }

const server = https.createServer(
  {
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    keepAlive: true,
    keepAliveTimeout: 300_000,
  } as https.ServerOptions,
  (request, response) => {
    response.on("error", () => {})
    const { pathname, searchParams } = new URL(request.url ?? "/", "https://stub")
    if (pathname === small) return void response.writeHead(200, json).end(object)
    if (pathname === stalled) return void request.pause()
    if (pathname === upload) {
      let bytes = 0
      request.on("data", (chunk: Buffer) => {
        bytes += chunk.byteLength
        uploadedBytes += chunk.byteLength
      })
      return void request.on("end", () => response.writeHead(200, json).end(JSON.stringify({ bytes })))
    }
    if (pathname.endsWith("/log")) {
      let left = Number(searchParams.get("limitBytes"))
      response.writeHead(200, { "content-type": "text/plain", "content-length": left })
      const more = () => {
        while (left > 0) {
          const piece = left >= block.byteLength ? block : block.subarray(0, left)
          left -= piece.byteLength
          if (!response.write(piece) && left > 0) return void response.once("drain", more)
        }
        response.end()
      }
      return more()
    }
    request.resume()
    if (request.method === "POST")
      return void response.writeHead(201, json).end('{"status":{"userInfo":{"username":"clusterconnect-probe"}}}')
    response.writeHead(200, json).end('{"major":"1","minor":"37","gitVersion":"v1.37.2"}')
  },
)
// An upgrade is answered, and its bytes come back, unless `gone` in its query says at which step the server leaves.
server.on("upgrade", (request, socket, head) => {
  socket.on("error", () => {})
  const gone = new URL(request.url ?? "/", "https://stub").searchParams.get("gone")
  if (gone === "asking") return void socket.destroy()
  if (gone === "refused") return void socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
  socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
  if (gone === "answered") return void socket.destroy()
  if (gone === "flow") return void socket.once("data", () => socket.destroy())
  socket.write(head)
  socket.pipe(socket)
})
server.requestTimeout = 0
server.listen(0, host, () => {
  const { address, port } = server.address() as AddressInfo
  console.error(JSON.stringify({ message: "listening", listener: "stub", host: address, port }))
})
