import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { parse } from "yaml"
import { LocalFailure } from "../failures.ts"
import { KubeconfigDocument } from "./KubeconfigDocument.ts"
import { foreignNames, putEntries, removeEntries } from "./mergeEntries.ts"

const entry = (name: string, port = 47_011) => ({ name, port, authorityPem: "PEM", credential: `ccsession_${name}` })
const put = (text: string, names: readonly string[], session: string, current = true) => {
  const file = new KubeconfigDocument("config", text)
  const entries = names.map((name) => entry(name))
  putEntries(file, entries, session, current)
  return file.toString()
}
const remove = (text: string, session: string) => {
  const file = new KubeconfigDocument("config", text)
  removeEntries(file, session)
  return file.toString()
}

const kubectls = `apiVersion: v1
# The office, do not touch.
clusters:
- cluster:
    certificate-authority-data: QUJD
    server: https://10.0.0.1:6443
    x-unknown: 0123
  name: office # by Ann
# home lab
- cluster:
    insecure-skip-tls-verify: true
    server: "https://192.168.1.2:6443"
  name: 'lab'
contexts:
- context:
    cluster: office
    namespace: web
    user: ann
  name: office
current-context: office
kind: Config
preferences:
  colors: true
unknown-field:
  deep: [1, 2, {a: b}]
  big: 12345678901234567890
users:
- name: ann
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args:
      - get-token
      command: kubelogin
      env: null
`

describe("merged entries", () => {
  test("go in beside what is there, the first as the current context, and come out without a trace", () => {
    const merged = put(kubectls, ["edge-1", "edge-2"], "s1")
    const config = parse(merged)
    expect(config.contexts.map(({ name }: { name: string }) => name)).toEqual(["office", "edge-1", "edge-2"])
    expect(config.clusters[2].cluster.server).toBe("https://127.0.0.1:47011")
    expect(config.users[1].user.token).toBe("ccsession_edge-1")
    expect(config["current-context"]).toBe("edge-1")
    for (const line of kubectls.split("\n").filter((one) => !one.startsWith("current-context")))
      expect(merged).toContain(line)
    expect(remove(merged, "s1")).toBe(kubectls)
  })

  test.each([
    ["nothing", "", "clusters: []"],
    ["only a comment", "# mine\n", "# mine"],
    ["lists that are null", "apiVersion: v1\nkind: Config\nclusters: null\nusers:\ncontexts: []\n", "kind: Config"],
    ["JSON", '{"apiVersion":"v1","kind":"Config","clusters":[],"users":[],"contexts":[]}', '"kind"'],
    ["Windows line ends", kubectls.replaceAll("\n", "\r\n"), "# home lab\r\n"],
    ["indented lists", "clusters:\n  - name: a\n    cluster: {server: b}\n", "  - name: a\n    cluster: {server: b}"],
  ])("a file with %s works, too", (_, text, kept) => {
    const merged = put(text, ["edge-1"], "s1")
    expect(parse(merged)["current-context"]).toBe("edge-1")
    expect(parse(merged).clusters.at(-1).name).toBe("edge-1")
    if (text.startsWith("{")) JSON.parse(merged)
    expect(remove(merged, "s1")).toContain(kept)
    expect(parse(remove(merged, "s1")).contexts).toEqual(parse(text)?.contexts ?? [])
  })

  test.each([
    ["no YAML", "clusters: [}"],
    ["two documents", "a: b\n---\nc: d\n"],
    ["no map", "- a\n"],
    ["a list of nameless things", "clusters: [1]\n"],
    ["a map where a list belongs", "users: {a: b}\n"],
    ["a key twice", "users: []\nusers: []\n"],
  ])("a file that is %s is refused, not guessed at", (_, text) => {
    expect(() => new KubeconfigDocument("config", text)).toThrow(LocalFailure)
  })

  test("names that are there and not ours are known, in whichever list they stand", () => {
    const file = new KubeconfigDocument("config", put(kubectls, ["edge-1"], "s1"))
    expect(foreignNames(file, [entry("office"), entry("lab"), entry("ann"), entry("edge-1"), entry("new")])).toEqual([
      "office",
      "lab",
      "ann",
    ])
  })

  test("a session takes out its own entries only, in whatever order sessions end", () => {
    const both = put(put(kubectls, ["edge-1"], "s1"), ["edge-2"], "s2")
    expect(parse(remove(both, "s2"))["current-context"]).toBe("edge-1")
    expect(parse(remove(both, "s1"))["current-context"]).toBe("edge-2")
    expect(remove(remove(both, "s1"), "s2")).toBe(kubectls)
    expect(remove(remove(both, "s2"), "s1")).toBe(kubectls)
  })

  test("what a killed process left under the same name is replaced, and the context before it is not forgotten", () => {
    const left = put(kubectls, ["edge-1"], "killed")
    const again = put(left, ["edge-1"], "s2")
    expect(parse(again).contexts.length).toBe(2)
    expect(remove(again, "s2")).toBe(kubectls)
    expect(remove(again, "killed")).toBe(again)
  })

  test("the current context stays as it is when it was changed meanwhile, or is not asked for", () => {
    const changed = put(kubectls, ["edge-1"], "s1").replace("current-context: edge-1", "current-context: office")
    expect(remove(changed, "s1")).toBe(kubectls)
    expect(parse(put(kubectls, ["edge-1"], "s1", false))["current-context"]).toBe("office")
  })

  test("a name that looks like a number or a truth stays a name", () => {
    for (const name of ["123", "0x1f", "true", "null", "1e3", "on"])
      expect(parse(put(kubectls, [name], "s1"), { version: "1.1" })["current-context"]).toBe(name)
  })

  test("a foreign entry that a person lets go is replaced in its place", () => {
    const merged = put(kubectls, ["office"], "s1")
    expect(parse(merged).clusters.map(({ name }: { name: string }) => name)).toEqual(["office", "lab"])
    expect(parse(merged).users.map(({ name }: { name: string }) => name)).toEqual(["ann", "office"])
  })

  test("whatever sessions come and go, nobody else's content changes", () => {
    const step = fc.record({
      session: fc.constantFrom("s1", "s2", "s3"),
      names: fc.uniqueArray(fc.constantFrom("edge-1", "edge-2", "edge-3"), { minLength: 1 }),
      leaves: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let text = kubectls
        for (const { session, names, leaves } of steps)
          text = leaves ? remove(text, session) : put(text, names, session)
        for (const session of ["s1", "s2", "s3"]) text = remove(text, session)
        expect(text).toBe(kubectls)
      }),
      { numRuns: 200 },
    )
  }, 300_000)
})

test("a lasting entry is taken for ours by one for the same cluster of the same relay alone", () => {
  const kept = (relay: string, cluster = "edge-1") => ({
    ...entry("edge-1"),
    credential: { command: "clusterconnect", args: [], relay, cluster },
  })
  const file = new KubeconfigDocument("config", "")
  putEntries(file, [kept("https://one.example")], "s1", true)
  expect(foreignNames(file, [kept("https://one.example")])).toEqual([])
  for (const other of [kept("https://two.example"), kept("https://one.example", "edge-2"), entry("edge-1")])
    expect(foreignNames(file, [other])).toEqual(["edge-1"])
})
