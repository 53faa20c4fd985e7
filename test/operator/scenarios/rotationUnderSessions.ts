import { afterAll, beforeAll, expect, test } from "bun:test"
import { authProxyHealthPort, childName } from "../../../operator/children/childNames.ts"
import type { Rotatable } from "../../../operator/credentials/CredentialState.ts"
import { rotationAnnotation } from "../../../operator/reconcile/heldCredentials.ts"
import { eventually } from "../../world/eventually.ts"
import type { User } from "../../world/User.ts"
import { type Load, startLoad } from "../Load.ts"
import type { OperatorWorld } from "../OperatorWorld.ts"
import { type OpenSessions, openSessions } from "../openSessions.ts"
import { podMetric } from "../podMetric.ts"

/** A changed Secret reaches running pods within a minute and something; an auth proxy waits 330 s for a stream that lost its carrier. */
const limitMillis = 400_000

interface Stored {
  readonly session: { readonly pem: string }
  readonly root: { readonly certificatePem: string }
  readonly leaf: { readonly certificatePem: string }
  readonly otherSession?: object
  readonly otherRoot?: object
  readonly handled: Readonly<Partial<Record<Rotatable, string>>>
}

/** Credentials, pods and images replaced on demand while users come and sessions go on: the same ones from the first test to the last. */
export const rotationUnderSessions = (world: () => OperatorWorld, alice: () => User) => {
  let load: Load
  let sessions: OpenSessions
  let pinBefore: string
  beforeAll(async () => {
    // Before anybody comes: building takes both cores for so long that newcomers give up.
    await world().nextImage()
    pinBefore = await world().pin("edge")
    sessions = await openSessions(world(), "edge")
    let next = 0
    load = await startLoad(alice(), () => world().user(`rotation-${next++}`, ["team-a"], "edge", { pin: pinBefore }))
  })
  afterAll(async () => {
    await load?.stop()
    await sessions?.finish()
  })
  /** Users come in, and what was open before goes on. */
  const goesOn = async () => {
    await load.another()
    await sessions.speak()
  }

  const stored = async (): Promise<Stored> => {
    const secret = ["get", "secret", childName("edge", "identity"), "--namespace", world().namespace]
    const text = await world().cluster.admin([...secret, "--output=jsonpath={.data.state\\.json}"])
    return JSON.parse(Buffer.from(text, "base64").toString())
  }
  /** Asks for it and returns what is stored when all of it is through: nothing old is left, and everybody shows the new. */
  const rotated = async (what: Rotatable): Promise<Stored> => {
    const value = `asked-${what}`
    await world().cluster.admin(["annotate", "clusterconnect/edge", `${rotationAnnotation(what)}=${value}`])
    return await eventually(`${what} is replaced`, limitMillis, async () => {
      const now = await stored()
      const reason = '{.status.conditions[?(@.type=="CredentialsValid")].reason}'
      const said = await world().cluster.admin(["get", "clusterconnect", "edge", `--output=jsonpath=${reason}`])
      const isThrough = now.handled[what] === value && now.otherSession === undefined && now.otherRoot === undefined
      return isThrough && said === "Valid" ? { done: now } : { seen: { said, handled: now.handled } }
    })
  }

  test("the agent's session key", async () => {
    const before = await stored()
    const after = await rotated("session-key")
    expect(after.session.pem === before.session.pem).toBe(false)
    await world().complete("edge")
    await goesOn()
  })

  test("the serving certificate, by the same root", async () => {
    const before = await stored()
    const after = await rotated("serving-certificate")
    expect([after.leaf.certificatePem === before.leaf.certificatePem, after.root]).toEqual([false, before.root])
    await goesOn()
  })

  test("the root, and with it the serving certificate", async () => {
    const before = await stored()
    const after = await rotated("roots")
    expect(after.root.certificatePem === before.root.certificatePem).toBe(false)
    expect(after.leaf.certificatePem === before.leaf.certificatePem).toBe(false)
    await goesOn()
  })

  test("the identity key: who pinned the old one goes on, who pins the new one comes in", async () => {
    await rotated("identity")
    await world().complete("edge")
    expect(await world().pin("edge")).not.toBe(pinBefore)
    await goesOn()
    const newcomer = await world().user("newcomer", ["team-a"], "edge")
    expect(await newcomer.kubectl.run(["-n", "work", "get", "pods"])).toMatchObject({ code: 0 })
    await newcomer.proxy.stop()
  })

  const admin = (...args: readonly string[]) => world().cluster.admin(["-n", world().namespace, ...args])
  const podsOf = async (component: string) => {
    const { items } = JSON.parse(await admin("get", "pods", `-l=app.kubernetes.io/component=${component}`, "-o=json"))
    return items as readonly {
      readonly metadata: { readonly name: string; readonly deletionTimestamp?: string }
      readonly spec: { readonly containers: readonly [{ readonly image: string }] }
    }[]
  }

  test("both agents, by kubectl rollout restart", async () => {
    const before = (await podsOf("agent")).map(({ metadata }) => metadata.name)
    const deployment = `deployment/${childName("edge", "agent")}`
    await admin("rollout", "restart", deployment)
    await admin("rollout", "status", deployment, "--timeout=120s")
    await eventually("none of the agents from before is left", limitMillis, async () => {
      const seen = (await podsOf("agent")).map(({ metadata }) => metadata.name)
      return seen.length === 2 && !seen.some((name) => before.includes(name)) ? { done: undefined } : { seen }
    })
    await world().complete("edge")
    await goesOn()
  })

  test("the image of agent and auth proxy; the auth proxies from before stay for their sessions alone, and end with them", async () => {
    const next = await world().nextImage()
    const [repository, digest] = next.split("@")
    const before = (await podsOf("auth-proxy")).map(({ metadata }) => metadata.name)
    const patch = (image: object | null) =>
      admin("patch", "cc/edge", "--type=merge", `--patch=${JSON.stringify({ spec: { image } })}`)
    const replaced = (version: string) =>
      eventually(`auth proxies of ${version} serve`, limitMillis, async () => {
        const seen = await admin("get", "cc/edge", "-o=jsonpath={.status.authProxy.version}")
        return seen === version ? { done: undefined } : { seen }
      })
    await patch({ repository, digest })
    await replaced("1.0.1")
    await world().complete("edge")
    await goesOn()
    const draining = (await podsOf("auth-proxy")).filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
    expect(draining.length).toBeGreaterThan(0)
    expect(before).toEqual(expect.arrayContaining(draining.map(({ metadata }) => metadata.name)))

    const reports = await sessions.finish()
    console.error(`operator: ${reports.map(({ name, carried }) => `${name}: ${carried}`).join("; ")}`)
    expect(reports.filter(({ lost }) => lost !== undefined)).toEqual([])
    const result = await load.stop()
    expect(result.failures).toEqual([])
    expect(result.execCode).toBe(0)
    expect(result.users).toBeGreaterThan(4)
    expect(result.echoes).toBeGreaterThan(20)

    await eventually("every pod is of the new image", limitMillis, async () => {
      const all = [...(await podsOf("agent")), ...(await podsOf("auth-proxy"))]
      const images = all.map(({ metadata, spec }) => [metadata.name, spec.containers[0].image])
      const streams = (state: string) =>
        podMetric(world(), "auth-proxy", authProxyHealthPort, `clusterconnect_auth_proxy_streams{state="${state}"}`)
      const isDone = images.length === 4 && images.every(([, image]) => image === next)
      return isDone
        ? { done: undefined }
        : { seen: { images, attached: await streams("attached"), suspended: await streams("suspended") } }
    })
    await patch(null)
    await replaced("1.0.0")
    await world().complete("edge")
  })
}
