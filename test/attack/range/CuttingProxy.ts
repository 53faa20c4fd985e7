import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"

/** An HTTP proxy (CONNECT) between a user and the relay that cuts everything after so many bytes, again and again. */
export class CuttingProxy {
  readonly url: string
  /** Times that something was cut. */
  cuts = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #left = Number.POSITIVE_INFINITY

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on("connection", (socket) => this.#serve(socket))
  }

  static async start(): Promise<CuttingProxy> {
    const server = createServer()
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return new CuttingProxy(server)
  }

  /** Cuts every connection once when this many bytes have passed, in both directions together. */
  cutAfter(bytes: number): void {
    this.#left = bytes
  }

  /** A cut is still to come. */
  get armed(): boolean {
    return this.#left !== Number.POSITIVE_INFINITY
  }

  async stop(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, "close")
  }

  #serve(user: Socket): void {
    this.#keep(user)
    let head = ""
    const read = (chunk: Buffer) => {
      head += chunk.toString("latin1")
      const target = /^CONNECT ([\d.]+):(\d+) HTTP\/1\.1\r\n[\s\S]*\r\n\r\n$/.exec(head)
      if (target === null) return
      user.off("data", read)
      user.pause()
      const relay = connect(Number(target[2]), target[1]!, () => {
        user.write("HTTP/1.1 200 Connection established\r\n\r\n")
        user.resume()
      })
      this.#keep(relay)
      for (const [from, to] of [
        [user, relay],
        [relay, user],
      ] as const) {
        from.on("data", (bytes: Buffer) => this.#pass(bytes, from, to))
        to.on("drain", () => from.resume())
        from.once("close", () => to.destroy())
      }
    }
    user.on("data", read)
  }

  #pass(bytes: Buffer, from: Socket, to: Socket): void {
    if (this.#left <= bytes.length) {
      const last = this.#left
      this.#left = Number.POSITIVE_INFINITY
      this.cuts += 1
      // What was still allowed arrives: a cut in the middle of a record, not between two.
      to.write(bytes.subarray(0, last), () => {
        for (const socket of this.#sockets) socket.destroy()
      })
      return
    }
    this.#left -= bytes.length
    if (!to.write(bytes)) from.pause()
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on("error", () => {})
    socket.once("close", () => this.#sockets.delete(socket))
  }
}
