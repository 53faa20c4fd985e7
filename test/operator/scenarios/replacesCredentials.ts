import { expect, test } from "bun:test"
import { childName } from "../../../operator/children/childNames.ts"
import type { Rotatable } from "../../../operator/credentials/CredentialState.ts"
import { rotationAnnotation } from "../../../operator/reconcile/heldCredentials.ts"
import { eventually } from "../../world/eventually.ts"
import type { OperatorWorld } from "../OperatorWorld.ts"

interface Stored {
  readonly session: { readonly pem: string }
  readonly root: { readonly certificatePem: string }
  readonly leaf: { readonly certificatePem: string }
  readonly otherSession?: object
  readonly otherRoot?: object
  readonly handled: Readonly<Partial<Record<Rotatable, string>>>
}

export interface Replacing {
  readonly world: () => OperatorWorld
  /** For one credential to be replaced everywhere. */
  readonly limitMillis: number
  /** The identity pin that users had before the first test. */
  readonly pinBefore: () => string
  /** Resolves when users still come in, and what was open before goes on. */
  readonly goesOn: () => Promise<void>
}

/** Tests that replace every credential of "edge" on demand, one after the other. */
export const replacesCredentials = ({ world, limitMillis, pinBefore, goesOn }: Replacing) => {
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
    expect(await world().pin("edge")).not.toBe(pinBefore())
    await goesOn()
    const newcomer = await world().user("newcomer", ["team-a"], "edge")
    expect(await newcomer.kubectl.run(["-n", "work", "get", "pods"])).toMatchObject({ code: 0 })
    await newcomer.proxy.stop()
  })
}
