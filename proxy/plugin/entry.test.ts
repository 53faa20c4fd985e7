import { expect, test } from "bun:test"
import { resolve } from "node:path"
import type { GivenFlags } from "../commands/settingsFrom.ts"
import { UsageWrong } from "../failures.ts"
import type { Environment } from "../settings/ProxySettings.ts"
import { checkedIdle, type EntryRules, entryHash, pluginOf } from "./entry.ts"

const rules = { port: 47_100, idleSeconds: 1_800, variables: { B: "2", AZURE_CONFIG_DIR: "/a b" } }
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
    ...["--relay-audience=x", "--pin=sha256:p", "--hold=5", "--single-audience", "--port=47100", "--idle=1800"],
    ...["--variable=AZURE_CONFIG_DIR=/a b", "--variable=B=2"],
  ])
})

test("an entry with another setting, port, idle time, variable or home is another one", () => {
  const home = { HOME: "/home/ann" }
  const of = (other: Partial<GivenFlags>, others: Partial<EntryRules> = {}, environment: Environment = home) =>
    entryHash({ ...flags, ...other }, { ...rules, ...others }, environment)
  const hashes = [
    ...[of({}), of({ pin: "sha256:q" }), of({}, { port: 1 }), of({}, { idleSeconds: 0 })],
    ...[of({}, { variables: { B: "3" } }), of({}, {}, { ...home, XDG_CONFIG_HOME: "/else" })],
    ...[of({}, {}, { HOME: "/home/bob" })],
  ]
  expect(new Set(hashes).size).toBe(7)
  expect(of({ pin: "sha256:p" }, {}, { ...home, PATH: "/bin", TERM: "dumb" })).toBe(of({}))
})

test("an entry is the same one whether its folders are named or are where they are without that", () => {
  const of = (environment: Environment) => entryHash(flags, rules, { HOME: "/home/ann", ...environment })
  const configuration = process.platform === "darwin" ? "/home/ann/Library/Preferences" : "/home/ann/.config"
  for (const same of [
    { XDG_CONFIG_HOME: configuration },
    { XDG_CONFIG_HOME: `${configuration}/` },
    { XDG_CONFIG_HOME: "relative", XDG_DATA_HOME: "" },
    { XDG_DATA_HOME: "/home/ann/.local/share" },
  ])
    expect(of(same)).toBe(of({}))
  expect(of({ XDG_DATA_HOME: "/else" })).not.toBe(of({}))
})

test("an option of a later version that is not set changes no entry", () => {
  const later = { ...flags, later: undefined, other: false } as GivenFlags
  expect(entryHash(later, rules, {})).toBe(entryHash(flags, rules, {}))
})

test("an idle time is a minute to a day, or none", () => {
  for (const seconds of [0, 60, 86_400]) expect(checkedIdle(seconds)).toBe(seconds)
  for (const seconds of [-1, 1, 59, 86_401, 1e9]) expect(() => checkedIdle(seconds)).toThrow(UsageWrong)
})
