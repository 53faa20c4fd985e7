import { afterAll, beforeAll, expect, test } from "bun:test"
import { childName } from "../../../operator/children/childNames.ts"
import type { Rotatable } from "../../../operator/credentials/CredentialState.ts"
import { rotationAnnotation } from "../../../operator/reconcile/heldCredentials.ts"
import { eventually } from "../../world/eventually.ts"
import type { User } from "../../world/User.ts"
import { type Load, startLoad } from "../Load.ts"
import type { OperatorWorld } from "../OperatorWorld.ts"

/** The kubelet brings a changed Secret to running pods within its sync period, which is a minute, and something. */
const limitMillis = 150_000

interface Stored {
  readonly session: { readonly pem: string }
  readonly root: { readonly certificatePem: string }
  readonly leaf: { readonly certificatePem: string }
  readonly otherSession?: object
  readonly otherRoot?: object
  readonly handled: Readonly<Partial<Record<Rotatable, string>>>
}

/** Credentials replaced on demand while users come and an exec goes on. */
export const rotation = (world: () => OperatorWorld, alice: () => User) => {
  let load: Load
  let pinBefore: string
  beforeAll(async () => {
    pinBefore = await world().pin("edge")
    let next = 0
    load = await startLoad(alice(), () => world().user(`rotation-${next++}`, ["team-a"], "edge", { pin: pinBefore }))
  })
  afterAll(() => load?.stop())

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
    await load.another()
  })

  test("the serving certificate, by the same root", async () => {
    const before = await stored()
    const after = await rotated("serving-certificate")
    expect([after.leaf.certificatePem === before.leaf.certificatePem, after.root]).toEqual([false, before.root])
    await load.another()
  })

  test("the root, and with it the serving certificate", async () => {
    const before = await stored()
    const after = await rotated("roots")
    expect(after.root.certificatePem === before.root.certificatePem).toBe(false)
    expect(after.leaf.certificatePem === before.leaf.certificatePem).toBe(false)
    await load.another()
  })

  test("the identity key: who pinned the old one goes on, who pins the new one comes in", async () => {
    await rotated("identity")
    await world().complete("edge")
    expect(await world().pin("edge")).not.toBe(pinBefore)
    await load.another()
    const newcomer = await world().user("newcomer", ["team-a"], "edge")
    expect(await newcomer.kubectl.run(["-n", "work", "get", "pods"])).toMatchObject({ code: 0 })
    await newcomer.proxy.stop()
  })

  test("meanwhile every new user's connections worked, and an exec lost nothing", async () => {
    const result = await load.stop()
    expect(result.failures).toEqual([])
    expect(result.execCode).toBe(0)
    expect(result.users).toBeGreaterThan(4)
    expect(result.echoes).toBeGreaterThan(20)
  })
}
