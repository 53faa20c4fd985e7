/**
 * What keeps a resource from being Ready, and what becomes of it: the operator as a process with its own rights and no other, a
 * real API server without nodes, a real relay. No pod runs here, so that nothing becomes Ready; see operator.test.ts for that.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { namespaceRights } from "../../operator/rights.ts"
import { leaked } from "../attack/range/leaked.ts"
import { eventually } from "../world/eventually.ts"
import { type Outside, startOutside } from "../world/Outside.ts"
import { listening, type Program } from "../world/Program.ts"
import { type Starter, starter } from "../world/Starter.ts"
import { ChildrenCluster, namespace } from "./ChildrenCluster.ts"
import { clusterConnect } from "./clusterConnect.ts"

setDefaultTimeout(120_000)
const stack = new AsyncDisposableStack()
let cluster: ChildrenCluster
let outside: Outside
let programs: Starter
let operator: Program
const operators: Program[] = []

const startOperator = async () => {
  operator = programs.outside("operator", "clusterconnect-operator", ["run", "--kubeconfig", cluster.kubeconfig], {
    POD_NAME: "operator-1",
    POD_NAMESPACE: namespace,
    CLUSTERCONNECT_IMAGE: "registry.example.com/clusterconnect:1.0.0",
    CLUSTERCONNECT_HEALTH_LISTEN: "127.0.0.1:0",
  })
  operators.push(operator)
  await listening(operator, "health")
}

beforeAll(async () => {
  const directory = mkdtempSync(join(tmpdir(), "clusterconnect-fates-"))
  stack.defer(async () => void (await rm(directory, { recursive: true, force: true })))
  cluster = await ChildrenCluster.start()
  stack.defer(async () => void (await cluster.cluster.stop()))
  programs = starter(stack)
  outside = await startOutside(stack, programs, {
    host: cluster.cluster.outsideAddress,
    directory,
    clusters: ["*"],
    onProgress: () => {},
  })
  await startOperator()
}, 25 * 60_000)
afterAll(async () => {
  await stack.disposeAsync()
}, 120_000)

const admin = (...args: readonly string[]) => cluster.cluster.admin(args)
const apply = (...objects: readonly object[]) =>
  cluster.cluster.admin(["apply", "--server-side", "--force-conflicts", "--filename=-"], {
    input: objects.map((object) => JSON.stringify(object)).join("\n---\n"),
  })
const secret = (name: string, data: Readonly<Record<string, string>>) =>
  apply({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, stringData: data })
const resource = (name: string, more: Partial<Parameters<typeof clusterConnect>[0]> = {}) =>
  apply(clusterConnect({ name, clusterName: name, outside, ...more }))
const read = async (name: string) => {
  const text = await admin("get", "clusterconnect", name, "--ignore-not-found", "--output=json")
  return text === "" ? undefined : JSON.parse(text)
}

type Conditions = Readonly<Record<string, { status: string; reason: string; message: string }>>
const conditionsOf = (object: { status?: { conditions?: readonly { type: string }[] } } | undefined): Conditions =>
  Object.fromEntries((object?.status?.conditions ?? []).map((one) => [one.type, one])) as unknown as Conditions

/** Waits until a condition has this reason; gives all conditions. */
const until = (name: string, type: string, reason: string) =>
  eventually(`${name}: ${type} is ${reason}`, 90_000, async () => {
    const conditions = conditionsOf(await read(name))
    return conditions[type]?.reason === reason ? { done: conditions } : { seen: conditions }
  })
const token = async (name: string, ...more: readonly string[]) =>
  (await outside.relayCommand(["token", "create", name, ...more])).trim()
/** Whatever was long in the Secrets before they were deleted: join tokens, keys, and certificates, which belong in no log either. */
const secrets: string[] = []
const registered = async (name: string): Promise<boolean> =>
  JSON.parse(await outside.relayCommand(["cluster", "show", name])).registered

describe("registration", () => {
  test("without a token the key waits to be listed, and the message is the command that does it", async () => {
    await resource("listed")
    const { Reconciling, Stalled, Ready } = await until("listed", "Ready", "AwaitingRegistration")
    expect([Reconciling?.reason, Stalled, Ready?.status]).toEqual(["AwaitingRegistration", undefined, "False"])
    const command = /clusterconnect-relay (cluster add-key listed) '(\{.*\})'/.exec(Ready?.message ?? "")
    expect(JSON.parse(command?.[2] ?? "{}")).toEqual((await read("listed")).status.identityKey)
    await outside.relayCommand([...(command?.[1]?.split(" ") ?? []), command?.[2] ?? ""])
    await until("listed", "CredentialsValid", "Valid")
    expect(await registered("listed")).toBe(true)
  })

  test("a Secret that is missing, or lacks the key, is named, and the children are made meanwhile", async () => {
    await resource("secretless", { joinTokenSecret: "secretless-join" })
    const { Ready } = await until("secretless", "Ready", "SecretMissing")
    expect(Ready?.message).toContain(`Secret ${namespace}/secretless-join`)
    expect(await admin("get", "deployment", "cc-secretless-agent", `--namespace=${namespace}`)).toContain("agent")
    await secret("secretless-join", { token: await token("secretless") })
    await until("secretless", "CredentialsValid", "Valid")
  })

  test("a token that another cluster spent is Stalled until there is a new one, and is not shown to the relay again", async () => {
    const spent = await token("spender")
    await secret("spender-join", { token: spent })
    await resource("spender", { joinTokenSecret: "spender-join" })
    await until("spender", "CredentialsValid", "Valid")
    await secret("robbed-join", { token: spent })
    await resource("robbed", { joinTokenSecret: "robbed-join" })
    const { Stalled, Reconciling } = await until("robbed", "Ready", "JoinTokenSpent")
    expect([Stalled?.status, Reconciling]).toEqual(["True", undefined])
    expect(Stalled?.message).not.toContain(spent)
    await secret("robbed-join", { token: await token("robbed") })
    const { Stalled: after } = await until("robbed", "CredentialsValid", "Valid")
    expect(after).toBeUndefined()
  })

  test("a name that has another identity is refused, until a token may replace it", async () => {
    await outside.relayCommand([
      "cluster",
      "add-key",
      "taken",
      JSON.stringify((await read("spender")).status.identityKey),
    ])
    await secret("first-join", { token: await token("taken-by-first") })
    await resource("first", { clusterName: "taken-by-first", joinTokenSecret: "first-join" })
    await until("first", "CredentialsValid", "Valid")
    await secret("second-join", { token: await token("taken-by-first") })
    await resource("second", { clusterName: "taken-by-first", joinTokenSecret: "second-join" })
    const { Stalled } = await until("second", "Ready", "RegistrationRefused")
    expect(Stalled?.status).toBe("True")
    await secret("second-join", { token: await token("taken-by-first", "--replace") })
    await until("second", "CredentialsValid", "Valid")
  })

  test("a relay that cannot be reached is Reconciling, and names how far it came", async () => {
    await resource("far", {
      spec: { relay: { url: "https://127.0.0.1:1" } },
    })
    const { Reconciling, Stalled } = await until("far", "Ready", "RelayUnreachable")
    expect([Reconciling?.status, Stalled]).toEqual(["True", undefined])
    expect(Reconciling?.message).toContain("127.0.0.1:1 cannot be reached: no TCP connection")
  })
})

describe("what the spec says", () => {
  const jwt = (changes: object) => ({
    authentication: {
      jwt: [
        {
          name: "main",
          issuer: { url: "https://idp.example.com" },
          claimMappings: { username: { claim: "sub", prefix: "oidc:" } },
          ...changes,
        },
      ],
    },
  })

  test("an issuer that signs for everybody is Stalled before anything is made, and goes on when it is limited", async () => {
    const github = { url: "https://token.actions.githubusercontent.com" }
    await resource("open", { spec: jwt({ issuer: github }) })
    const { Stalled } = await until("open", "Ready", "MultiTenantIssuer")
    expect(Stalled?.message).toContain("jwt[0].issuer.url")
    expect(await admin("get", "configmap", `--namespace=${namespace}`, "--output=name")).not.toContain("cc-open-")
    const claimValidationRules = [{ claim: "repository_owner_id", requiredValue: "1" }]
    await resource("open", { spec: jwt({ issuer: github, claimValidationRules }) })
    await until("open", "Ready", "AwaitingRegistration")
  })

  test("keys that are no keys are AuthenticationInvalid", async () => {
    await resource("keyless", { spec: jwt({ issuer: { url: "https://idp.example.com", jwks: "{}" } }) })
    const { Stalled } = await until("keyless", "Ready", "AuthenticationInvalid")
    expect(Stalled?.message).toContain("jwks")
  })

  test("suspended, nothing is repaired; resumed, all of it is", async () => {
    await resource("paused")
    await until("paused", "Ready", "AwaitingRegistration")
    await resource("paused", { spec: { suspend: true } })
    const { Ready, Reconciling } = await until("paused", "Ready", "Suspended")
    expect([Ready?.status, Reconciling]).toEqual(["Unknown", undefined])
    const service = ["service/cc-paused-auth-proxy", `--namespace=${namespace}`]
    await admin("delete", ...service)
    await admin("annotate", "clusterconnect", "paused", "reconcile.fluxcd.io/requestedAt=while-paused")
    await eventually("the request is handled", 60_000, async () => {
      const handled = (await read("paused")).status.lastHandledReconcileAt
      return handled === "while-paused" ? { done: handled } : { seen: handled }
    })
    expect(await admin("get", ...service, "--ignore-not-found")).toBe("")
    await resource("paused", { spec: { suspend: false } })
    await eventually("the Service is back", 60_000, async () => {
      const found = await admin("get", ...service, "--ignore-not-found")
      return found === "" ? { seen: found } : { done: found }
    })
  })
})

describe("what the cluster lets the operator do", () => {
  test("a right that was taken away is AccessDenied and Stalled until it is given back", async () => {
    const rights = (without: string) =>
      admin(
        ...["patch", "role", "operator", `--namespace=${namespace}`, "--type=merge"],
        `--patch=${JSON.stringify({ rules: namespaceRights.filter(({ resources }) => !resources?.includes(without)) })}`,
      )
    await rights("services")
    await resource("denied")
    const { Stalled } = await until("denied", "Ready", "AccessDenied")
    expect(Stalled?.message).toContain("apply the installation's roles again")
    await rights("nothing")
    await until("denied", "Ready", "AwaitingRegistration")
  })

  test("a quota is QuotaExceeded and goes by itself", async () => {
    await apply({
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { name: "none", namespace },
      spec: { hard: { "count/services": "0" } },
    })
    // As the quota controller does it, which does not run here.
    const status = { hard: { "count/services": "0" }, used: { "count/services": "0" } }
    const patch = `--patch=${JSON.stringify({ status })}`
    await admin(
      ...["patch", "resourcequota", "none", `--namespace=${namespace}`, "--subresource=status", "--type=merge", patch],
    )
    const service = ["service", "clusterip", "probe", "--tcp=1", `--namespace=${namespace}`, "--dry-run=server"]
    await eventually("the quota counts", 60_000, async () => {
      const made = await admin("create", ...service).catch((error: Error) => error)
      return made instanceof Error ? { done: made } : { seen: made }
    })
    await resource("crowded")
    const { Reconciling, Stalled } = await until("crowded", "Ready", "QuotaExceeded")
    expect([Reconciling?.status, Stalled]).toEqual(["True", undefined])
    await admin("delete", "resourcequota", "none", `--namespace=${namespace}`)
    await until("crowded", "Ready", "AwaitingRegistration")
  })

  test("a definition that is older than the operator is CRDOutdated", async () => {
    const definition = JSON.parse(await admin("get", "crd", "clusterconnects.clusterconnect.dev", "--output=json"))
    const { metadata, spec } = definition
    const older = JSON.parse(JSON.stringify(spec))
    delete older.versions[0].schema.openAPIV3Schema.properties.spec.properties.networkPolicy
    const replace = (changed: object) =>
      cluster.cluster.admin(["replace", "--filename=-"], {
        input: JSON.stringify({
          apiVersion: definition.apiVersion,
          kind: definition.kind,
          metadata: { name: metadata.name },
          spec: changed,
        }),
      })
    await replace(older)
    await operator.stop()
    await startOperator()
    const { Stalled } = await until("listed", "Stalled", "CRDOutdated")
    expect(Stalled?.message).toContain("spec.networkPolicy")
    await replace(spec)
    // Noticed within a minute; a new process asks at once.
    await operator.stop()
    await startOperator()
    await eventually("Stalled ends", 90_000, async () => {
      const { Stalled: still } = conditionsOf(await read("listed"))
      return still === undefined ? { done: true } : { seen: still }
    })
  })
})

describe("the identity", () => {
  const identity = ["secret/cc-listed-identity", `--namespace=${namespace}`]
  test("is made again as it was when its Secret is deleted", async () => {
    const { identityPin } = (await read("listed")).status
    const { metadata } = JSON.parse(await admin("get", ...identity, "--output=json"))
    await admin("delete", ...identity)
    await eventually("the Secret is back", 60_000, async () => {
      const text = await admin("get", ...identity, "--ignore-not-found", "--output=json")
      return text !== "" && JSON.parse(text).metadata.uid !== metadata.uid ? { done: text } : { seen: text }
    })
    expect((await read("listed")).status.identityPin).toBe(identityPin)
  })

  test("is never replaced because its Secret is damaged; restored, all goes on", async () => {
    const { identityPin } = (await read("listed")).status
    const { data } = JSON.parse(await admin("get", ...identity, "--output=json"))
    const put = (value: string) =>
      admin("patch", ...identity, "--type=merge", `--patch=${JSON.stringify({ data: { "state.json": value } })}`)
    await put(Buffer.from("{}").toString("base64"))
    const { Stalled } = await until("listed", "Stalled", "CredentialsDamaged")
    expect(Stalled?.message).toContain("restore it from a backup")
    await put(data["state.json"])
    await eventually("Stalled ends", 90_000, async () => {
      const { Stalled: still } = conditionsOf(await read("listed"))
      return still === undefined ? { done: true } : { seen: still }
    })
    expect((await read("listed")).status.identityPin).toBe(identityPin)
  })
})

describe("a Secret from a backup", () => {
  const identity = ["secret/cc-listed-identity", `--namespace=${namespace}`]
  const stored = async () => JSON.parse(await admin("get", ...identity, "--output=json")).data as Record<string, string>
  const stateOf = (data: Record<string, string>) =>
    JSON.parse(Buffer.from(data["state.json"] ?? "", "base64").toString()) as {
      publishedSerial: number
      otherRoot?: { role: string }
      root: object
    }
  const relaySerial = async (): Promise<number> =>
    JSON.parse(await outside.relayCommand(["cluster", "show", "listed"])).serial

  test("older than what the relay has is published above that, by itself", async () => {
    const backup = await stored()
    await admin("annotate", "clusterconnect/listed", "clusterconnect.dev/rotate-roots=1")
    // No pod runs here to show the new certificate, so that the rotation waits.
    await eventually("the new root is in use", 60_000, async () => {
      const state = stateOf(await stored())
      return state.otherRoot?.role === "old" ? { done: state } : { seen: state.otherRoot?.role }
    })
    const serial = await relaySerial()
    expect(serial).toBeGreaterThan(stateOf(backup).publishedSerial)
    await admin("annotate", "clusterconnect/listed", "clusterconnect.dev/rotate-roots-")
    const restored = { data: { "state.json": backup["state.json"] } }
    await admin("patch", ...identity, "--type=merge", `--patch=${JSON.stringify(restored)}`)
    const state = await eventually("the restored credentials are published", 90_000, async () => {
      const seen = stateOf(await stored())
      return seen.publishedSerial > serial ? { done: seen } : { seen: seen.publishedSerial }
    })
    expect(state.root).toEqual(stateOf(backup).root)
    expect(state.otherRoot).toBeUndefined()
    expect(await relaySerial()).toBe(state.publishedSerial)
  })
})

describe("deletion", () => {
  beforeAll(async () => {
    const { items } = JSON.parse(await admin("get", "secrets", `--namespace=${namespace}`, "--output=json"))
    for (const { data } of items as readonly { readonly data: Readonly<Record<string, string>> }[])
      for (const value of Object.values(data)) {
        const text = Buffer.from(value, "base64").toString().replaceAll("\\n", "\n")
        secrets.push(...(text.match(/[\w+/=.-]{40,}/g) ?? []))
      }
  })

  test("deregisters the cluster at the relay", async () => {
    expect(await registered("spender")).toBe(true)
    await admin("delete", "clusterconnect", "spender", "--timeout=60s")
    expect(await registered("spender").catch(() => false)).toBe(false)
  })

  test("with the relay gone is over within a minute, and an event says what is left there", async () => {
    await outside.relay.stop("SIGKILL")
    await admin("delete", "clusterconnect", "robbed", "--timeout=60s")
    const events = JSON.parse(await admin("get", "events", "--namespace=default", "--output=json")).items
    const told = events.find(
      (event: { involvedObject: { name: string } }) =>
        event.involvedObject.name === "robbed" &&
        (event as unknown as { reason: string }).reason === "DeregistrationFailed",
    )
    expect(told?.message).toContain("clusterconnect-relay cluster deregister robbed")
  })

  test("by `uninstall` where no operator runs leaves none", async () => {
    await operator.stop()
    const uninstall = programs.outside("uninstall", "clusterconnect-operator", [
      "uninstall",
      "--kubeconfig",
      cluster.cluster.outsideKubeconfig,
      "--wait",
      "0",
    ])
    expect(await uninstall.exited).toEqual({ code: 0, signal: null })
    expect(await admin("get", "clusterconnect", "--output=name")).toBe("")
  })
})

test("no log line and no event of the operator holds a token or a key", async () => {
  expect(secrets.length).toBeGreaterThan(20)
  for (const { log } of operators) expect(leaked(log.join("\n"), secrets)).toEqual([])
  const events = await admin("get", "events", "--all-namespaces", "--output=json")
  const reasons = (JSON.parse(events).items as readonly { readonly reason: string }[]).map(({ reason }) => reason)
  expect(reasons).toEqual(expect.arrayContaining(["JoinTokenSpent", "CredentialsDamaged", "DeregistrationFailed"]))
  expect(leaked(events, secrets)).toEqual([])
})
