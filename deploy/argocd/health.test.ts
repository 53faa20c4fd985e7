import { expect, setDefaultTimeout, test } from "bun:test"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"

/** Go builds the interpreter, the one inside Argo CD, in some seconds and keeps it in its cache. */
setDefaultTimeout(120_000)

const script = readFileSync(join(import.meta.dir, "health.lua"), "utf8")

const lua = (value: unknown): string => {
  if (Array.isArray(value)) return `{${value.map(lua).join(",")}}`
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .map(([key, one]) => `[${JSON.stringify(key)}]=${lua(one)}`)
      .join(",")}}`
  return JSON.stringify(value)
}

const condition = (type: string, status: string, reason: string, observedGeneration = 2) => ({
  type,
  status,
  reason,
  message: `about ${reason}`,
  observedGeneration,
})
const ready = (status: string, reason: string, generation = 2) => condition("Ready", status, reason, generation)
const reconciling = (reason: string) => [ready("False", reason), condition("Reconciling", "True", reason)]

const cases: readonly (readonly [string, string, object, string])[] = [
  ["a new resource", "Progressing", {}, "not looked"],
  ["the default status", "Progressing", { status: { observedGeneration: -1 } }, "not looked"],
  [
    "a ready one",
    "Healthy",
    { status: { observedGeneration: 2, conditions: [ready("True", "Succeeded")] } },
    "Succeeded",
  ],
  [
    "one that was changed since",
    "Progressing",
    { status: { observedGeneration: 1, conditions: [ready("True", "Succeeded", 1)] } },
    "not looked",
  ],
  [
    "one whose auth proxies have not loaded it all",
    "Progressing",
    { status: { observedGeneration: 1, conditions: [ready("True", "Succeeded")] } },
    "not looked",
  ],
  [
    "one without its relay",
    "Progressing",
    { status: { observedGeneration: 2, conditions: reconciling("RelayUnreachable") } },
    "RelayUnreachable: about",
  ],
  [
    "one that awaits registration",
    "Progressing",
    { status: { observedGeneration: -1, conditions: reconciling("AwaitingRegistration") } },
    "AwaitingRegistration",
  ],
  [
    "one that needs a person",
    "Degraded",
    {
      status: {
        observedGeneration: -1,
        conditions: [ready("False", "JoinTokenSpent"), condition("Stalled", "True", "JoinTokenSpent")],
      },
    },
    "JoinTokenSpent",
  ],
  [
    "one that needed a person before it was changed",
    "Progressing",
    { status: { conditions: [condition("Stalled", "True", "AuthenticationInvalid", 1)] } },
    "not looked",
  ],
  [
    "one that is not ready and says no more",
    "Degraded",
    { status: { observedGeneration: 2, conditions: [ready("False", "AccessDenied")] } },
    "AccessDenied",
  ],
  [
    "a suspended one",
    "Suspended",
    { spec: { suspend: true }, status: { observedGeneration: 2, conditions: [ready("True", "Succeeded")] } },
    "suspend",
  ],
]

test("Argo CD's health of a ClusterConnect", () => {
  const calls = cases.map(([, , rest]) => {
    const obj = { metadata: { generation: 2 }, spec: {}, ...rest }
    return `obj = ${lua(obj)}\ndo local health = (function()\n${script}\nend)() print(health.status .. "|" .. health.message) end`
  })
  const words = ["run", "github.com/yuin/gopher-lua/cmd/glua@v1.1.1", "-e", calls.join("\n")]
  const { status, stdout, stderr } = spawnSync("go", words, { encoding: "utf8", cwd: "/" })
  expect([status, stderr.replace(/^go: downloading.*\n/gm, "")]).toEqual([0, ""])
  const said = stdout
    .trim()
    .split("\n")
    .map((line) => line.split("|"))
  expect(said.map(([health], index) => [cases[index]?.[0], health])).toEqual(
    cases.map(([name, health]) => [name, health]),
  )
  for (const [index, [, , , words]] of cases.entries()) expect(said[index]?.[1]).toContain(words)
})

test("what is merged into argocd-cm is this script", () => {
  const patch = parse(readFileSync(join(import.meta.dir, "argocd-cm.yaml"), "utf8"))
  expect(patch.data).toEqual({ "resource.customizations.health.clusterconnect.dev_ClusterConnect": script })
})
