import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { searchMemory } from "../../world/searchMemory.ts"
import type { World } from "../../world/World.ts"

/** S21: what the relay itself got to see of everything that ran before, byte for byte. */
export const blindness = (world: () => World): void => {
  test("S21: the relay's plain side carried the sessions, and no cluster token, object name or output is in it", () => {
    const recorded = readFileSync(world().recorder.file)
    // The copies of 100 MB both ways passed here: the recorder was not beside the path.
    expect(recorded.length).toBeGreaterThan(200_000_000)
    for (const token of world().clusterTokens()) {
      const [header = "", payload = "", signature = ""] = token.split(".")
      for (const part of [token, payload, signature]) expect(recorded.includes(part)).toBe(false)
      expect(header.length).toBeGreaterThan(0)
    }
    for (const text of ["configmap", "/api/v1/", "e2e-many", "echoed:", "oidc:alice", "kubectl", "Impersonate"])
      expect(recorded.includes(text), `the relay saw "${text}"`).toBe(false)
    // What it must see, it saw: the caller's own relay token and the cluster's name.
    expect(recorded.includes("/v1/clusters/edge-1/stream")).toBe(true)
  })

  test("S21: the relay's memory holds no cluster token and no output of a command", () => {
    const needles = [
      ...world()
        .clusterTokens()
        .map((token) => token.split(".")[2]!),
      "echoed: hello over",
    ]
    const memory = searchMemory(world().relay.pid, [...needles, world().clusterName])
    expect(memory.bytes).toBeGreaterThan(1_000_000)
    // The cluster's name must be found: otherwise the search itself is blind.
    expect(memory.found).toEqual([world().clusterName])
  })
}
