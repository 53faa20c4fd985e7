/**
 * A session's proper last word: RFC 6455 section 5.5.1 with the code of a normal closure (7.4.1), and the SPDY/3.1 control frame of type 7. Another
 * code is none: it may say that what was sent to the server arrived damaged.
 */
export type LastWord = "websocket-close" | "spdy-goaway"

/** A WebSocket closing frame with the longest reason, as a server sends it. */
const maxFrameBytes = 2 + 125
const normalClosure = 1000
const goAway = Buffer.from([0x80, 3, 0, 7, 0, 0, 0, 8])
const goAwayBytes = goAway.length + 8

/**
 * Remembers the last bytes that the server of an upgraded session sent. They tell a session that the server closed from one that was cut
 * behind it: a closing frame stands behind everything that its sender had, so that whatever is missing before it never reached that sender.
 */
export class LastFrame {
  #tail = Buffer.alloc(0)

  heard(chunk: Buffer): void {
    const last = chunk.subarray(-maxFrameBytes)
    this.#tail = Buffer.concat([this.#tail, last]).subarray(-maxFrameBytes)
  }

  /** What the session ended with; undefined when these are no last words. */
  get word(): LastWord | undefined {
    const tail = this.#tail
    if (tail.subarray(-goAwayBytes, -8).equals(goAway)) return "spdy-goaway"
    for (let payload = 2; payload <= 125 && payload + 2 <= tail.length; payload += 1) {
      const at = tail.length - payload - 2
      if (tail[at] === 0x88 && tail[at + 1] === payload && tail.readUInt16BE(at + 2) === normalClosure)
        return "websocket-close"
    }
    return undefined
  }
}
