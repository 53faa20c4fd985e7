import { expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { childName, operatorLabels } from "../../../operator/children/childNames.ts"
import { leaseName } from "../../../operator/rights.ts"
import { eventually } from "../../world/eventually.ts"
import type { OperatorWorld } from "../OperatorWorld.ts"
import { writesOfPods } from "../operatorWrites.ts"

const limitMillis = 60_000

/** The process of an operator's pod, as this machine counts: pods run on it. */
const processOf = (pod: string): number => {
  const found = readdirSync("/proc").find((pid) => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0")
      return environment.includes(`POD_NAME=${pod}`)
    } catch {
      return false
    }
  })
  if (found === undefined) throw new Error(`no process has POD_NAME=${pod}`)
  return Number(found)
}

/** Two operators, of which one may write. */
export const leadership = (world: () => OperatorWorld) => {
  const admin = (...args: readonly string[]) => world().cluster.admin(["-n", world().namespace, ...args])
  const holder = () => admin("get", "lease", leaseName, "-o", "jsonpath={.spec.holderIdentity}")
  const operators = async () => {
    const labels = Object.entries(operatorLabels)
      .map(([key, value]) => `${key}=${value}`)
      .join(",")
    return (await admin("get", "pods", "-l", labels, "-o", "jsonpath={.items[*].metadata.name}")).split(" ")
  }
  /** Gives the operators something to write, and waits until it was written. */
  const childMadeAgain = async () => {
    const child = ["configmap", childName("edge", "auth-proxy")]
    await admin("delete", ...child)
    await eventually("it is made again", limitMillis, async () => {
      const seen = await admin("get", ...child, "--ignore-not-found", "-o", "name")
      return seen === "" ? { seen } : { done: undefined }
    })
  }

  test("a leader that stands still is followed by the other, and writes nothing when it goes on", async () => {
    const first = await holder()
    const pods = await operators()
    const stopped = pods.find((pod) => first.startsWith(pod))!
    const other = pods.find((pod) => pod !== stopped)!
    const pid = processOf(stopped)
    const before = writesOfPods(world()).length
    process.kill(pid, "SIGSTOP")
    try {
      await eventually("the other leads", limitMillis, async () => {
        const seen = await holder()
        return seen.startsWith(other) ? { done: undefined } : { seen }
      })
      await childMadeAgain()
    } finally {
      process.kill(pid, "SIGCONT")
    }
    await eventually("the first knows that it leads no more", limitMillis, async () => {
      const seen = await admin("logs", stopped, "--tail=20")
      return seen.includes(`no longer leads as ${first}`) ? { done: undefined } : { seen }
    })
    await childMadeAgain()
    const writers = new Set(
      writesOfPods(world())
        .slice(before)
        .map(({ pod }) => pod),
    )
    expect([...writers]).toEqual([other])
    await world().complete("edge")
  })
}
