import { expect, test } from "bun:test"
import { once } from "node:events"
import type { Happening } from "./Endpoint.ts"
import { LocalSocket } from "./LocalSocket.ts"
import { socketPair } from "./socketPair.ts"

const pairOf = async () => {
  const [application, pump] = await socketPair()
  const happenings: Happening[] = []
  const local = new LocalSocket([application, pump], {
    takeable: () => 0,
    happened: (happening) => void happenings.push(happening),
    closed: () => {},
  })
  let writes = 0
  const write = pump.write.bind(pump) as (...parameters: unknown[]) => boolean
  pump.write = (...parameters: unknown[]) => {
    writes += 1
    return write(...parameters)
  }
  return { application, local, happenings, writes: () => writes }
}

/** More than two sockets' kernel buffers hold. */
const stuck = Buffer.alloc(4 * 1024 * 1024, 1)

test("single bytes for an application that does not read are kept as bytes, not as objects, and arrive in order", async () => {
  const { application, local, happenings, writes } = await pairOf()
  application.pause()
  local.deliver(stuck)
  const small = 200_000
  for (let index = 0; index < small; index++) local.deliver(Uint8Array.of(index % 251))
  expect(writes()).toBeLessThan(2 + small / 10_000)
  expect(local.waitingBytes).toBeGreaterThanOrEqual(small)
  local.deliver(Buffer.alloc(8 * 1024, 2))
  local.deliver(Uint8Array.of(255))
  local.deliverEnd()
  const chunks: Buffer[] = []
  application.on("data", (chunk: Buffer) => chunks.push(chunk)).resume()
  await once(application, "end")
  const got = Buffer.concat(chunks)
  expect(got.byteLength).toBe(stuck.byteLength + small + 8 * 1024 + 1)
  const tail = got.subarray(stuck.byteLength)
  for (let index = 0; index < small; index++) if (tail[index] !== index % 251) throw new Error(`byte ${index} differs`)
  expect(tail.at(-1)).toBe(255)
  const delivered = happenings.reduce((sum, one) => sum + (one.type === "delivered" ? one.bytes : 0), 0)
  expect(delivered).toBe(got.byteLength)
  expect(local.waitingBytes).toBe(0)
  application.destroy()
  local.finish(true, "closed")
})

test("a stream that ended whole gives the application the bytes that were still gathered", async () => {
  const { application, local } = await pairOf()
  application.pause()
  local.deliver(stuck)
  for (let index = 0; index < 1_000; index++) local.deliver(Uint8Array.of(7))
  local.finish(true, "closed")
  let bytes = 0
  application
    .on("data", (chunk: Buffer) => {
      bytes += chunk.byteLength
    })
    .resume()
  await once(application, "end")
  expect(bytes).toBe(stuck.byteLength + 1_000)
  application.destroy()
})
