import { EventEmitter } from "node:events"
import type { WebSocket } from "ws"
import type { End } from "../network/Connection.ts"
import type { Wire } from "./Wire.ts"

/** An end of the model's network with as much of a WebSocket as relay/sessions/ControlSession.ts drives. */
class ControlSocket extends EventEmitter {
  readonly OPEN = 1
  readonly #end: End<Wire>

  constructor(end: End<Wire>) {
    super()
    this.#end = end
    end.onMessage = (wire) => this.emit("message", wire, typeof wire !== "string")
    end.onClose = (code) => this.emit("close", code, Buffer.alloc(0))
  }

  get readyState() {
    return this.#end.isOpen ? this.OPEN : 3
  }

  get bufferedAmount() {
    return this.#end.unflushedBytes
  }

  send(text: string) {
    this.#end.send(text, text.length)
  }

  close(code: number) {
    this.#end.close(code)
  }

  terminate() {
    this.#end.cut()
  }
}

export const controlSocket = (end: End<Wire>): WebSocket => new ControlSocket(end) as unknown as WebSocket
