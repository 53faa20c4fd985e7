import { expect, test } from "bun:test"
import { resolve } from "node:path"
import type { GivenFlags } from "../commands/settingsFrom.ts"
import { UsageWrong } from "../failures.ts"
import { checkedIdle, entryHash, pluginOf } from "./entry.ts"

const rules = { port: 47_100, idleSeconds: 1_800 }
const flags: GivenFlags = {
  ...({
    clusters: ["edge-1"],
    singleAudience: true,
    acceptNewPin: true,
    merge: true,
    overwriteExisting: true,
  } as const),
  ...({
    profile: "work",
    relay: undefined,
    tokenFrom: undefined,
    tokenCommand: "print --token",
    caFile: "ca.pem",
  } as const),
  ...({ token: undefined, tokenFile: "edge-2=b,edge-1=a", relayTokenFile: "r", relayAudience: "x" } as const),
  ...({ audience: undefined, port: undefined, file: "f", kubeContext: "mine", pin: "sha256:p", hold: 5 } as const),
}

test("an entry's plugin has the settings of a proxy, which mean the same in every folder, and nothing of how it was written", () => {
  const { args } = pluginOf(flags, "https://relay.example.com", rules)
  expect(args.slice(args.indexOf("credential"))).toEqual([
    ...["credential", "edge-1", "--relay=https://relay.example.com", "--profile=work", "--token-command=print --token"],
    ...[`--ca-file=${resolve("ca.pem")}`, `--token-file=${resolve("a")}`, `--relay-token-file=${resolve("r")}`],
    ...["--relay-audience=x", "--pin=sha256:p", "--hold=5", "--port=47100", "--idle=1800", "--single-audience"],
  ])
})

test("an entry with another setting, port or idle time is another one", () => {
  const of = (other: Partial<GivenFlags>, others: Partial<typeof rules> = {}) =>
    entryHash({ ...flags, ...other }, { ...rules, ...others })
  const hashes = [of({}), of({ pin: "sha256:q" }), of({}, { port: 1 }), of({}, { idleSeconds: 0 })]
  expect(new Set(hashes).size).toBe(4)
  expect(of({ pin: "sha256:p" })).toBe(of({}))
})

test("an idle time is a minute to a day, or none", () => {
  for (const seconds of [0, 60, 86_400]) expect(checkedIdle(seconds)).toBe(seconds)
  for (const seconds of [-1, 1, 59, 86_401, 1e9]) expect(() => checkedIdle(seconds)).toThrow(UsageWrong)
})
