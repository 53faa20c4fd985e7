import { describe, expect, test } from "bun:test"
import { once } from "node:events"
import { Readable } from "node:stream"
import { GET, listenerBench } from "../fixtures/listenerBench.ts"

const { listening, plain, reported, secure } = listenerBench()
const large = Buffer.alloc(24 * 1024 * 1024, 65)

describe("a peer that does not take its answers", () => {
  for (const plainText of [true, false])
    test(`and never said who it is, is cut in ${plainText ? "plain text" : "TLS"} when it stops taking`, async () => {
      const listener = await listening({
        plainText,
        limits: { unauthenticatedAnswerMillis: 60 },
        onRequest: (_request, response) => response.end(large),
      })
      const socket = plainText ? plain(listener) : await secure(listener)
      socket.pause().write(GET)
      expect(await reported("ended")).toMatchObject([{ end: "answerStalled" }])
    })

  // The reader and the listener share this process: a busy machine may hold both up for most of the time given.
  const limitMillis = 2_000
  const partBytes = 1.5 * 1024 * 1024
  const parts = Array.from({ length: large.length / partBytes }, () => large.subarray(0, partBytes))
  test("but reads on, has all of it, however many of the times it takes", async () => {
    const listener = await listening({
      limits: { unauthenticatedAnswerMillis: limitMillis },
      // As programs write: the listener sees a part that was taken when all of it was.
      onRequest: (_request, response) => Readable.from(parts).pipe(response),
    })
    const socket = await secure(listener)
    const began = performance.now()
    let bytes = 0
    let pauseAt = partBytes
    const all = new Promise<void>((resolve) =>
      socket.on("data", (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > large.length) return resolve()
        if (bytes < pauseAt) return
        pauseAt += partBytes
        socket.pause()
        setTimeout(() => socket.resume(), limitMillis / 8)
      }),
    )
    socket.write(GET)
    await Promise.race([all, once(socket, "close")])
    expect(bytes).toBeGreaterThan(large.length)
    expect(performance.now() - began).toBeGreaterThan(1.5 * limitMillis)
  })

  test("and has said who it is, keeps its answer", async () => {
    const answers: (() => void)[] = []
    const listener = await listening({
      plainText: true,
      limits: { unauthenticatedAnswerMillis: 40, idleTimeoutMillis: 40 },
      onRequest: (request, response) => {
        listener.authenticated(request.socket)
        answers.push(() => response.end("late"))
      },
    })
    const socket = plain(listener)
    socket.write(GET)
    // Two other connections meet the same limits meanwhile.
    for (let round = 0; round < 2; round++) {
      plain(listener)
      await reported("ended", round + 1)
    }
    for (const answer of answers) answer()
    expect(String((await once(socket, "data"))[0])).toContain("200 OK")
  })

  test("and sends request after request, is cut before their answers fill the memory", async () => {
    let served = 0
    const listener = await listening({
      plainText: true,
      limits: { maxPipelined: 4 },
      onRequest: () => {
        served += 1
      },
    })
    plain(listener).pause().write(GET.repeat(1_000))
    expect(await reported("ended")).toMatchObject([{ end: "pipelined" }])
    expect(served).toBe(4)
  })
})
