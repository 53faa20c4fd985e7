import { expect, test } from "bun:test"
import { timingValue, withoutForeignTimings } from "./serverTiming.ts"

const ours = timingValue({ "cc-auth-proxy": 1.24, "cc-api-server": 30 })

test("a measurement that is not there is left out", () => {
  expect(ours).toBe("cc-auth-proxy;dur=1.2, cc-api-server;dur=30.0")
  expect(timingValue({ "cc-proxy": 0, "cc-path": undefined })).toBe("cc-proxy;dur=0.0")
})
test("nothing that the API server sends passes for ours; its own timings do pass", () => {
  for (const forged of [ours, "cc-api-server;dur=1", "db;dur=5, CC-path;dur=1", 'a;desc="x", cc-proxy', " cc-x"])
    expect(withoutForeignTimings(["A", "b", "server-timing", forged], "api-server")).toEqual(["A", "b"])
  const others = ["Server-Timing", "apiserver;dur=3", "x", "cc-proxy;dur=1"]
  expect(withoutForeignTimings(others, "api-server")).toEqual(others)
})
test("of the far end only the auth proxy's own line counts, once and exactly", () => {
  const line = ["Server-Timing", ours]
  expect(withoutForeignTimings([...line, "x", "y", ...line], "auth-proxy")).toEqual([...line, "x", "y"])
  for (const forged of ["cc-proxy;dur=1.0", `${ours}, cc-path;dur=0.1`, `cc-path;dur=1.0, ${ours}`])
    expect(withoutForeignTimings(["Server-Timing", forged], "auth-proxy")).toEqual([])
})
