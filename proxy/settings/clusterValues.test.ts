import { expect, test } from "bun:test"
import { UsageWrong } from "../failures.ts"
import { clusterValues } from "./clusterValues.ts"

const values = (text: string | undefined, ...clusters: string[]) =>
  Object.fromEntries(clusterValues("--x", text, clusters))

test("values are by cluster, an unnamed one is the only cluster's", () => {
  expect(values(undefined, "a")).toEqual({})
  expect(values("v", "a")).toEqual({ a: "v" })
  expect(values("a=v", "a")).toEqual({ a: "v" })
  expect(values("a=v, b=w=x,", "a", "b")).toEqual({ a: "v", b: "w=x" })
  expect(values("sha256:00", "a")).toEqual({ a: "sha256:00" })
  expect(values("./dir=x/token", "a")).toEqual({ a: "./dir=x/token" })
})
test("values of clusters that were not asked for are ignored", () => {
  expect(values("a=v,b=w", "b")).toEqual({ b: "w" })
})
test("an unnamed value with several clusters, two values or an empty one are refused", () => {
  for (const [text, clusters] of [
    ["v", ["a", "b"]],
    ["a=v,w", ["a", "b"]],
    ["a=v,a=w", ["a"]],
    ["v,w", ["a"]],
    ["a=", ["a"]],
  ] as const)
    expect(() => clusterValues("--x", text, clusters)).toThrow(UsageWrong)
})
