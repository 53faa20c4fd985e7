import { describe, expect, test } from "bun:test"
import { addressRange, firstFree, LAST_INSTANCE, NoAddressRange } from "./addressRange.ts"

describe("address ranges of instances", () => {
  test("two instances share no address", () => {
    expect(addressRange(1)).toEqual({ outside: "10.89.1.1", inside: "10.89.1.2", prefixLength: 24 })
    expect(addressRange(2)).toEqual({ outside: "10.89.2.1", inside: "10.89.2.2", prefixLength: 24 })
  })

  test("the lowest number that is not taken is given", () => {
    expect(firstFree(new Set(), [])).toBe(1)
    expect(firstFree(new Set([1, 2, 4]), [])).toBe(3)
  })

  test.each([
    [["10.89.1.0/24"], 2],
    [["10.89.1.77"], 2],
    [["10.89.0.0/22"], 4],
    [["10.88.0.0/16", "192.168.0.0/16"], 1],
  ])("a machine that reaches %j gets number %d", (networks, expected) => {
    expect(firstFree(new Set(), networks)).toBe(expected)
  })

  test("a machine whose network covers all ranges is refused with the routes in the text", () => {
    expect(() => firstFree(new Set(), ["10.0.0.0/8"])).toThrow(NoAddressRange)
    expect(() => firstFree(new Set(), ["10.0.0.0/8"])).toThrow("routes: 10.0.0.0/8")
  })

  test("the number after the last is refused, not wrapped", () => {
    const all = new Set(Array.from({ length: LAST_INSTANCE }, (_, index) => index + 1))
    expect(() => firstFree(all, [])).toThrow(NoAddressRange)
  })
})
