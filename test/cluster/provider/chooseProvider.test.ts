import { describe, expect, test } from "bun:test"
import type { ClusterOptions } from "../Cluster.ts"
import { chooseProvider, type Machine, NoProvider, onlyBuilt, UnknownProvider } from "./chooseProvider.ts"

const everything: Machine = {
  kubeconfig: "/home/someone/kubeconfig",
  insisted: undefined,
  k3sUnavailable: async () => undefined,
  builtUnavailable: () => undefined,
}
const unnamed: Machine = { ...everything, kubeconfig: undefined }
const noEngine: Machine = { ...unnamed, k3sUnavailable: async () => "no Docker engine answers (none)" }
const plain: ClusterOptions = { level: "control-plane" }

describe("the choice of a provider", () => {
  test("a named kubeconfig wins over everything that the machine offers", async () => {
    expect(await chooseProvider(plain, everything)).toEqual({ provider: "named", passedOver: [] })
  })

  test("k3s is used where a Docker engine answers, and the choice says that no kubeconfig was named", async () => {
    const choice = await chooseProvider(plain, unnamed)
    expect(choice.provider).toBe("k3s")
    expect(choice.passedOver).toEqual(["named is not used: CLUSTERCONNECT_TEST_KUBECONFIG is not set"])
  })

  test("without a Docker engine the choice falls through to building, and says why", async () => {
    const choice = await chooseProvider(plain, noEngine)
    expect(choice.provider).toBe("built")
    expect(choice.passedOver).toContain("k3s is not used: no Docker engine answers (none)")
  })

  test("what only a cluster of our own making can give passes over the other two, and names it", async () => {
    const choice = await chooseProvider({ level: "node", closed: true, auditLog: true }, everything)
    expect(choice.provider).toBe("built")
    expect(choice.passedOver).toEqual([
      "named is not used: it cannot give an audit log, a closed network",
      "k3s is not used: it cannot give an audit log, a closed network",
    ])
  })

  test("an engine is not asked when k3s could not give the cluster anyway", async () => {
    const machine: Machine = { ...unnamed, k3sUnavailable: () => Promise.reject(new Error("was asked")) }
    expect((await chooseProvider({ level: "node", closed: true }, machine)).provider).toBe("built")
  })

  test("with no provider the error names the three ways and each reason", async () => {
    const nothing: Machine = { ...noEngine, builtUnavailable: () => "it needs root (network namespaces)" }
    const refusal = await chooseProvider(plain, nothing).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(NoProvider)
    const { message } = refusal as NoProvider
    for (const part of [
      "CLUSTERCONNECT_TEST_KUBECONFIG=",
      "k3s: let a Docker engine",
      "Linux, root, Go",
      "needs root",
    ]) {
      expect(message).toContain(part)
    }
  })

  test("CLUSTERCONNECT_TEST_PROVIDER insists: another one is never taken instead", async () => {
    const built = await chooseProvider(plain, { ...everything, insisted: "built" })
    expect(built.provider).toBe("built")
    const k3s = chooseProvider(plain, { ...noEngine, insisted: "k3s" })
    await expect(k3s).rejects.toBeInstanceOf(NoProvider)
  })

  test("an unknown name in CLUSTERCONNECT_TEST_PROVIDER is an error, not a default", async () => {
    await expect(chooseProvider(plain, { ...everything, insisted: "kind" })).rejects.toBeInstanceOf(UnknownProvider)
  })

  test.each([
    [{ emulatedVersion: "1.34" }, ["version 1.34"]],
    [{ authenticationConfig: "kind: X" }, ["an authentication configuration"]],
    [{ apiServerFlags: ["--v=4"] }, ["API server flags"]],
    [{ apiServerFlags: [], auditLog: false, closed: false }, []],
    [{ detached: true }, ["a cluster that outlives its starter"]],
  ] satisfies [Partial<ClusterOptions>, string[]][])("%j can be given only by building: %j", (options, expected) => {
    expect(onlyBuilt({ ...plain, ...options })).toEqual(expected)
  })
})
