import { expect, test } from "bun:test"
import { EventEmitter } from "node:events"
import type { Socket } from "node:net"
import { Admission } from "./Admission.ts"
import { addressBlock } from "./addressBlock.ts"

const table: readonly [address: string, block: string][] = [
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:DB8:1:0002::9", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["64:ff9b::192.0.2.7", "64:ff9b:0:0::/64"],
  ["1::5:6:7:192.0.2.7", "1:0:0:5::/64"],
  ["", ""],
]
for (const [address, block] of table)
  test(`${JSON.stringify(address)} counts as ${block}`, () => expect(addressBlock(address)).toBe(block))

test("an address counts with its neighbours in the limit per address", () => {
  const admission = new Admission(() => ({ maxUnauthenticated: 9, maxUnauthenticatedPerAddress: 2, maxConnections: 9 }))
  const from = (remoteAddress: string) =>
    admission.admit(Object.assign(new EventEmitter(), { remoteAddress }) as unknown as Socket)
  expect(["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::3"].map(from)).toEqual([
    undefined,
    undefined,
    "unauthenticatedPerAddress",
    undefined,
  ])
})
