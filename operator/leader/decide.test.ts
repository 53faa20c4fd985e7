import { describe, expect, test } from "bun:test"
import { decide } from "./decide.ts"
import { heldBy, type LeaseSpec, released, specOf } from "./lease.ts"

const lease = (version: string, spec: LeaseSpec) => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: "clusterconnect-operator", namespace: "n", resourceVersion: version },
  spec,
})
const theirs = { holderIdentity: "other", leaseDurationSeconds: 15 }

describe("a candidate", () => {
  test.each([
    ["makes the lease that is not there", undefined, undefined, "Claim"],
    ["takes a released one at once", undefined, lease("1", { holderIdentity: "" }), "Claim"],
    ["takes one that nobody ever held", undefined, lease("1", {}), "Claim"],
    ["renews its own", undefined, lease("1", { ...theirs, holderIdentity: "me" }), "Claim"],
    ["waits for one seen for the first time, however old it says it is", undefined, lease("1", theirs), "Wait"],
    ["waits for one that changed", { version: "0", atMillis: 0 }, lease("1", theirs), "Wait"],
    ["waits until its time is over", { version: "1", atMillis: 85_000 }, lease("1", theirs), "Wait"],
    ["takes it after its time", { version: "1", atMillis: 84_999 }, lease("1", theirs), "Claim"],
    [
      "goes by the lease's own duration",
      { version: "1", atMillis: 84_999 },
      lease("1", { ...theirs, leaseDurationSeconds: 60 }),
      "Wait",
    ],
    [
      "goes by ours where it has none",
      { version: "1", atMillis: 90_000 },
      lease("1", { ...theirs, leaseDurationSeconds: 0 }),
      "Wait",
    ],
  ] as const)("%s", (_, observed, seen, move) => {
    expect(decide("me", observed, seen, 100_000, 15_000).move).toBe(move)
  })

  test("counts from the first look at an unchanged lease", () => {
    const first = decide("me", undefined, lease("1", theirs), 1_000, 15_000)
    const second = decide("me", first.observed, lease("1", theirs), 9_000, 15_000)
    expect(second.observed).toEqual({ version: "1", atMillis: 1_000 })
    const renewed = decide("me", second.observed, lease("2", theirs), 10_000, 15_000)
    expect(renewed.observed).toEqual({ version: "2", atMillis: 10_000 })
  })
})

describe("a lease", () => {
  const claim = { identity: "me", leaseMillis: 15_000, atMillis: 1_000 }
  const time = "1970-01-01T00:00:01.000000Z"

  test("begins with its first holder", () => {
    const made = heldBy(undefined, "n", claim)
    expect(specOf(made)).toEqual({
      holderIdentity: "me",
      leaseDurationSeconds: 15,
      acquireTime: time,
      renewTime: time,
      leaseTransitions: 0,
    })
  })

  test("counts a change of holder and keeps its version", () => {
    const made = heldBy(lease("7", { ...theirs, leaseTransitions: 2 }), "n", claim)
    expect(made.metadata.resourceVersion).toBe("7")
    expect(specOf(made)).toMatchObject({ holderIdentity: "me", leaseTransitions: 3, acquireTime: time })
  })

  test("keeps its beginning when it is renewed", () => {
    const renewed = heldBy(heldBy(undefined, "n", claim), "n", { ...claim, atMillis: 9_000 })
    expect(specOf(renewed)).toMatchObject({ acquireTime: time, leaseTransitions: 0 })
    expect(specOf(renewed).renewTime).toBe("1970-01-01T00:00:09.000000Z")
  })

  test("has no holder after its release", () =>
    expect(specOf(released(lease("7", theirs), 0))).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1 }))
})
