import { describe, expect, test } from "bun:test"
import { isMachineOwnAddress, isMachineOwnHost } from "./addressRules.ts"

describe("the machine's own:", () => {
  for (const address of [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "169.254.169.254",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "0:0:0:0:0:ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b::7f00:1",
    "fd00:ec2::254",
    "[::1]",
  ])
    test(address, () => expect(isMachineOwnAddress(address)).toBe(true))
})

describe("somebody else's:", () => {
  for (const address of [
    "10.0.0.1",
    "192.168.1.1",
    "172.16.0.1",
    "100.64.0.1",
    "128.0.0.1",
    "169.253.1.1",
    "1.1.1.1",
    "fd00::1",
    "fec0::1",
    "2001:db8::7f00:1",
    "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1",
    "::2",
    "idp.example.com",
    "",
  ])
    test(JSON.stringify(address), () => expect(isMachineOwnAddress(address)).toBe(false))
})

test("names that always mean loopback count as hosts", () => {
  for (const host of ["localhost", "LOCALHOST", "localhost.", "a.localhost", "127.0.0.1", "[::1]"])
    expect(isMachineOwnHost(host)).toBe(true)
  for (const host of ["localhost.example.com", "notlocalhost", "idp.example.com"])
    expect(isMachineOwnHost(host)).toBe(false)
})
