import { expect, test } from "bun:test"
import { backgroundLog } from "./startBackground.ts"

test("clusters of one name at two relays have a log each", () => {
  const log = (relay: string) => backgroundLog({ configuration: "/c", state: "/s" }, relay, ["edge-1", "edge-2"])
  expect(log("https://one.example")).toMatch(/^\/s\/logs\/edge-1-and-1-more-[0-9a-f]{8}\.log$/)
  expect(log("https://one.example")).not.toBe(log("https://two.example"))
})
