import { expect, test } from "bun:test"
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { startTestRelay, type TestRelay } from "../testing/TestRelay.ts"

/** Whether the relay serves one more connection, which stays open. */
const isServed = async (relay: TestRelay, open: Socket[]): Promise<boolean> => {
  const socket = connect(relay.port, "127.0.0.1").on("error", () => {})
  open.push(socket)
  socket.write("GET /livez HTTP/1.1\r\nHost: relay\r\n\r\n")
  return await Promise.race([once(socket, "data").then(() => true), once(socket, "close").then(() => false)])
}

test.each(["connections", "unauthenticatedSockets"])(
  "a changed limits.%s holds for the next connection, and cuts none that is open",
  async (name) => {
    await using relay = await startTestRelay({ limits: { [name]: 1 } })
    const open: Socket[] = []
    try {
      expect([await isServed(relay, open), await isServed(relay, open)]).toEqual([true, false])
      relay.configure({ limits: { [name]: 2 } })
      expect([await isServed(relay, open), await isServed(relay, open)]).toEqual([true, false])
      relay.configure({ limits: { [name]: 1 } })
      expect(relay.listener.statistics().connections).toBe(2)
      expect(await isServed(relay, open)).toBe(false)
    } finally {
      for (const socket of open) socket.destroy()
    }
  },
)
