import { describe, expect, test } from "bun:test"
import { decide } from "./decide.ts"
import type { Found } from "./Found.ts"
import { authProxy, deployment, healthy } from "./testing/found.ts"

const judge = (changes: Partial<Found>) => decide({ ...healthy, ...changes })
const shown = (changes: Partial<Found>) =>
  Object.fromEntries(judge(changes).conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]))
const messageOf = (changes: Partial<Found>, type: string) =>
  judge(changes).conditions.find((one) => one.type === type)?.message

describe("a rollout", () => {
  const turning = { conditions: [{ type: "Progressing", status: "True", reason: "ReplicaSetUpdated" }] }
  const proxies = (status: object) => [deployment("agent"), deployment("auth-proxy", status)]
  const stuck = authProxy({
    name: "cc-edge-auth-proxy-3",
    ready: false,
    status: undefined,
    trouble: "ErrImagePull: no such tag",
  })

  test.each<[string, object]>([
    ["that the controller has not seen yet", { observedGeneration: 3 }],
    ["whose new pods are not all made", { ...turning, replicas: 3, updatedReplicas: 1 }],
    ["whose old pods are still wanted", { ...turning, replicas: 3, updatedReplicas: 2 }],
    ["whose new pods are not all available", { ...turning, availableReplicas: 1 }],
  ])("%s is progress, the cluster stays Ready, and the generation is not observed", (_, status) => {
    const found = { deployments: proxies(status) }
    expect(shown(found)).toMatchObject({ Ready: "True Succeeded", Reconciling: "True Progressing" })
    expect(judge(found).observed).toBe(false)
  })

  test("that is stuck is told with the pod's name and the kubelet's words, though the old pods serve", () =>
    expect(
      messageOf(
        {
          deployments: proxies({ ...turning, replicas: 3, updatedReplicas: 1 }),
          authProxies: [...healthy.authProxies, stuck],
        },
        "Reconciling",
      ),
    ).toBe(
      "Deployment cc-edge-auth-proxy: 1 of 2 pods are of the present template; pod cc-edge-auth-proxy-3: ErrImagePull: no such tag",
    ))

  test("whose pods are refused is told with the controller's words", () => {
    const refused = { type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: "exceeded quota: pods" }
    const deployments = proxies({ ...turning, updatedReplicas: 1, conditions: [...turning.conditions, refused] })
    expect(messageOf({ deployments }, "Reconciling")).toEndWith("; exceeded quota: pods")
  })

  test("of the agent counts as well", () =>
    expect(messageOf({ deployments: [deployment("agent", { updatedReplicas: 1 })] }, "Reconciling")).toStartWith(
      "Deployment cc-edge-agent: ",
    ))

  test("that is over is over while the old pods' sessions drain: nobody counts pods that end", () => {
    const ending = authProxy({ name: "old", terminating: true }, { configuration: { hash: "h0" }, draining: true })
    const found = {
      deployments: proxies({ terminatingReplicas: 2 }),
      authProxies: [...healthy.authProxies, ending],
    }
    expect(shown(found)).toEqual(shown({}))
    expect(judge(found).observed).toBe(true)
  })

  test("that is over is not undone by a pod that is no longer ready", () =>
    expect(shown({ deployments: proxies({ availableReplicas: 1 }) })).toEqual(shown({})))

  test("that is over is not undone by a pod that is deleted, until its replacement is refused", () => {
    const over = { type: "Progressing", status: "True", reason: "NewReplicaSetAvailable" }
    const refused = { type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: "exceeded quota: pods" }
    const one = { replicas: 1, updatedReplicas: 1, availableReplicas: 1 }
    expect(judge({ deployments: proxies({ ...one, conditions: [over] }) }).observed).toBe(true)
    expect(judge({ deployments: proxies({ ...one, conditions: [over, refused] }) }).observed).toBe(false)
  })

  test("of fewer pods, or of as many as an autoscaler wants, is over like any other", () => {
    const scaled = { ...deployment("auth-proxy", { replicas: 5, updatedReplicas: 5 }), spec: { replicas: 5 } }
    const none = { ...deployment("agent", { replicas: undefined, updatedReplicas: undefined }), spec: { replicas: 0 } }
    expect(judge({ deployments: [scaled, none] }).observed).toBe(true)
  })

  test("does not hide why nobody can be served", () =>
    expect(shown({ deployments: proxies({ ...turning, updatedReplicas: 1 }), authProxies: [stuck] })).toMatchObject({
      Ready: "False AuthProxyUnavailable",
      Reconciling: "True AuthProxyUnavailable",
    }))
})
