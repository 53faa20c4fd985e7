import { expect, test } from "bun:test"
import { shortStreams, takeOne } from "./shortStreams.ts"

const atAuthProxy = (reason: string, bytesSent: number, bytesReceived = 7) =>
  JSON.stringify({ message: "stream", type: "ended", reason, bytesSent, bytesReceived })
const atProxy = (reason: string, bytesReceived: number, bytesSent = 7) =>
  JSON.stringify({ message: "stream ended", reason, bytesSent, bytesReceived })
const audited = (sentBytes: number, more: object = { lastWord: "websocket-close" }) =>
  JSON.stringify({ message: "audit", sentBytes, receivedBytes: 20, ...more })

const bytes = 1_000_000
const short = (authProxy: readonly string[], ...proxy: readonly string[]) =>
  shortStreams(["no JSON", ...authProxy], proxy, bytes)
const none = { cutInCluster: 0, shortAtAuthProxy: 0 }

test("a stream was short at the auth proxy only when both its ends agree on every byte and on a good end", () => {
  const known = { cutInCluster: 0, shortAtAuthProxy: 1 }
  expect(short([atAuthProxy("closed", 900_000)], atProxy("closed", 900_000))).toEqual(known)
  expect(short([atAuthProxy("closed", 1_000_001)], atProxy("closed", 1_000_001)), "it is whole").toEqual(none)
  expect(short([atAuthProxy("closed", 900_000)], atProxy("closed", 800_000)), "bytes were lost on our way").toEqual(
    none,
  )
  expect(short([atAuthProxy("closed", 900_000)], atProxy("reader-gone", 900_000)), "it was cut").toEqual(none)
  expect(short([atAuthProxy("api-server-gone", 900_000)], atProxy("closed", 900_000)), "it was cut").toEqual(none)
  expect(short([atAuthProxy("closed", 400_000)], atProxy("closed", 400_000)), "it is another stream").toEqual(none)
})

test("a stream was cut in the cluster only when the API server closed its session in good order too, with as many bytes", () => {
  const stream = [atAuthProxy("closed", 900_000), atProxy("closed", 900_000)] as const
  const judged = (...lines: readonly string[]) => short([stream[0], ...lines], stream[1])
  const elsewhere = { cutInCluster: 0, shortAtAuthProxy: 1 }
  expect(judged(audited(899_000))).toEqual({ cutInCluster: 1, shortAtAuthProxy: 0 })
  expect(judged(audited(890_000)), "it is the line of another session").toEqual(elsewhere)
  expect(judged(audited(900_001)), "the auth proxy passed more on than arrived").toEqual(elsewhere)
  expect(judged(audited(899_000, {})), "the API server went without a word").toEqual(elsewhere)
  expect(judged(audited(899_000, { lastWord: "spdy-goaway" })), "kubectl's pings go through to the kubelet").toEqual(
    elsewhere,
  )
  expect(judged(audited(899_000, { lastWord: "websocket-close", cut: "client-gone" }))).toEqual(elsewhere)
})

test("one end at the user's proxy answers for one stream", () => {
  const twice = [atAuthProxy("closed", 900_000), atAuthProxy("closed", 900_000)]
  const sessions = [audited(899_000), audited(899_000)]
  expect(short([...twice, ...sessions], atProxy("closed", 900_000))).toEqual({ cutInCluster: 1, shortAtAuthProxy: 0 })
})

test("one closed session answers for one stream", () => {
  const streams = [atAuthProxy("closed", 900_000), atAuthProxy("closed", 900_100)]
  expect(short([...streams, audited(899_000)], atProxy("closed", 900_000), atProxy("closed", 900_100))).toEqual({
    cutInCluster: 1,
    shortAtAuthProxy: 1,
  })
})

test("each stream that was found is taken once, and one that is found only after a miss is still taken", () => {
  const taken = { ...none }
  expect(takeOne(none, taken, "websocket")).toBe("unknown")
  const cut = { cutInCluster: 1, shortAtAuthProxy: 0 }
  expect(takeOne(cut, taken, "spdy"), "the API server's last word says nothing about SPDY").toBe("unknown")
  expect(takeOne(cut, taken, "websocket")).toBe("cluster")
  expect(takeOne(cut, taken, "websocket")).toBe("unknown")
  const both = { cutInCluster: 2, shortAtAuthProxy: 1 }
  expect(takeOne(both, taken, "spdy")).toBe("before-us")
  expect(takeOne(both, taken, "websocket")).toBe("cluster")
  expect(takeOne(both, taken, "websocket")).toBe("unknown")
})
