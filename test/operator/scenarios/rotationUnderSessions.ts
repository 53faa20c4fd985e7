import { afterAll, beforeAll, expect, test } from "bun:test"
import { authProxyHealthPort, childName } from "../../../operator/children/childNames.ts"
import { eventually } from "../../world/eventually.ts"
import type { User } from "../../world/User.ts"
import { type Load, startLoad } from "../Load.ts"
import type { OperatorWorld } from "../OperatorWorld.ts"
import { type OpenSessions, openSessions } from "../openSessions.ts"
import { podMetric } from "../podMetric.ts"
import { replacesCredentials } from "./replacesCredentials.ts"

/** A changed Secret reaches running pods within a minute and something; an auth proxy waits 330 s for a stream that lost its carrier. */
const limitMillis = 400_000

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

  replacesCredentials({ world, limitMillis, pinBefore: () => pinBefore, goesOn })

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
