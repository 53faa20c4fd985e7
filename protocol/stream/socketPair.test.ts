import { expect, test } from "bun:test"
import { once } from "node:events"
import { readdir } from "node:fs/promises"
import type net from "node:net"
import { tmpdir } from "node:os"
import { type Meeting, socketPair } from "./socketPair.ts"

const textOf = async (socket: net.Socket) => {
  let text = ""
  socket.on("data", (bytes: Buffer) => {
    text += bytes
  })
  await once(socket, "end")
  return text
}

const meetings: readonly Meeting[] = process.platform === "linux" ? ["private", "abstract"] : ["private"]

for (const meeting of meetings) {
  test(`a ${meeting} pair carries bytes both ways and each direction ends by itself`, async () => {
    const [a, b] = await socketPair(meeting)
    const atB = textOf(b)
    a.end("to b")
    expect(await atB).toBe("to b")
    const atA = textOf(a)
    b.end("to a")
    expect(await atA).toBe("to a")
  })

  test(`a ${meeting} pair pushes back when its reader stands still`, async () => {
    const [a, b] = await socketPair(meeting)
    b.pause()
    let accepted = 0
    while (a.write(Buffer.alloc(65_536)) && accepted < 1 << 26) accepted += 65_536
    expect(accepted).toBeLessThan(2 * 1024 * 1024)
    const drained = once(a, "drain")
    b.resume()
    await drained
    a.destroy()
    b.destroy()
  })
}

test("a private pair leaves nothing in the file system", async () => {
  const ours = async () => (await readdir(tmpdir())).filter((name) => name.startsWith("clusterconnect-pair-")).length
  const before = await ours()
  const pairs = await Promise.all(Array.from({ length: 8 }, () => socketPair("private")))
  expect(await ours()).toBeLessThanOrEqual(before)
  for (const socket of pairs.flat()) socket.destroy()
})
