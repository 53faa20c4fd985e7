import { expect, test } from "bun:test"
import { endLabel } from "./metrics.ts"

test("an end's reason that a peer has made up does not become a series of its own", () => {
  expect(endLabel("protocol-gap")).toBe("protocol-gap")
  expect(endLabel("tls-timeout")).toBe("tls-timeout")
  expect(endLabel("made up by a peer, one of thousands")).toBe("other")
})
