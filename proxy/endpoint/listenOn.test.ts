import { expect, test } from "bun:test"
import { LocalFailure } from "../failures.ts"
import { PortTaken } from "./LocalEndpoint.ts"
import { listenOn } from "./listenOn.ts"

const machine = (...taken: number[]) => ({
  listen: async (port: number) => {
    if (taken.includes(port)) throw new PortTaken(`port ${port}`)
    return port === 0 ? 50_000 : port
  },
})

test("the well-known port is taken if it is free, and those after it for further clusters", async () => {
  expect(await listenOn(machine(), undefined, 0)).toEqual({ port: 47_011, insteadOf: undefined })
  expect(await listenOn(machine(), undefined, 2)).toEqual({ port: 47_013, insteadOf: undefined })
})
test("else a free one, and it is said which was taken", async () => {
  expect(await listenOn(machine(47_011), undefined, 0)).toEqual({ port: 50_000, insteadOf: 47_011 })
})
test("an explicit port is that port or an error", async () => {
  expect(await listenOn(machine(), 8_000, 1)).toEqual({ port: 8_001, insteadOf: undefined })
  await expect(listenOn(machine(8_000), 8_000, 0)).rejects.toThrow(LocalFailure)
  await expect(listenOn(machine(8_000), 8_000, 0)).rejects.toThrow(
    "127.0.0.1:8000 cannot be used: another program listens there",
  )
})
