import { expect, test } from "bun:test"
import { imageName, pullPolicy } from "./image.ts"

const digest = `sha256:${"a".repeat(64)}`
const operator = "registry.example.com:5000/cc:1.2.3"

test.each([
  [undefined, operator, operator],
  [{}, `${operator}@${digest}`, `${operator}@${digest}`],
  [{ tag: "2" }, `${operator}@${digest}`, "registry.example.com:5000/cc:2"],
  [{ digest }, operator, `registry.example.com:5000/cc@${digest}`],
  [{ repository: "mirror:80/cc" }, `${operator}@${digest}`, `mirror:80/cc:1.2.3@${digest}`],
  [{ repository: "mirror/cc", tag: "3" }, operator, "mirror/cc:3"],
  [{}, "registry.example.com:5000/cc", "registry.example.com:5000/cc"],
])("%j beside %s is %s", (spec, own, expected) => expect(imageName(spec, own)).toBe(expected))

test.each([
  ["registry.example.com:5000/cc", "Always"],
  ["cc:latest", "Always"],
  ["cc:1", "IfNotPresent"],
  [`cc@${digest}`, "IfNotPresent"],
  [`cc:latest@${digest}`, "Always"],
])("%s is pulled %s where the spec is silent", (image, expected) =>
  expect(pullPolicy(undefined, image)).toBe(expected as "Always"),
)

test("a policy of the spec's is taken", () => expect(pullPolicy({ pullPolicy: "Never" }, "cc")).toBe("Never"))
