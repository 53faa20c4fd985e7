import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { chooseKubectl, UnsuitableKubectl } from "./kubectl.ts"
import { parseKubernetesVersion, withinOneMinor } from "./kubernetesVersion.ts"

describe("versions of Kubernetes programs", () => {
  test.each([
    ["v1.37.2", { major: 1, minor: 37 }],
    ["1.34", { major: 1, minor: 34 }],
    ["v1.36.1-eks-1a2b3c", { major: 1, minor: 36 }],
    ["v1.35.0+k3s1", { major: 1, minor: 35 }],
    ["v1.37.0-alpha.1", { major: 1, minor: 37 }],
    ["", undefined],
    ["v1", undefined],
    ["version 1.37", undefined],
    ["v1.37x", undefined],
  ])("%s is read as %j", (text, expected) => {
    expect(parseKubernetesVersion(text)).toEqual(expected)
  })

  test("one minor version of difference is within the skew policy, two or another major is not", () => {
    const at = (minor: number, major = 1) => ({ major, minor })
    expect([36, 37, 38].map((minor) => withinOneMinor(at(minor), at(37)))).toEqual([true, true, true])
    expect([35, 39].map((minor) => withinOneMinor(at(minor), at(37)))).toEqual([false, false])
    expect(withinOneMinor(at(37, 2), at(37))).toBe(false)
  })
})

describe("the choice of a kubectl", () => {
  let directory: string
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "clusterconnect-kubectl-"))
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  /** A directory with a program `kubectl` that prints this as its version. */
  function kubectlSaying(name: string, output: string): string {
    const folder = mkdtempSync(join(directory, name))
    const path = join(folder, "kubectl")
    writeFileSync(path, `#!/bin/sh\ncat <<'END'\n${output}\nEND\n`)
    chmodSync(path, 0o755)
    return path
  }
  const version = (text: string) => JSON.stringify({ clientVersion: { gitVersion: text } })
  const pathOf = (kubectl: string) => `${join(kubectl, "..")}:/usr/bin:/bin`

  test("one on the PATH within one minor version is used", async () => {
    const kubectl = kubectlSaying("good-", version("v1.36.9"))
    expect(await chooseKubectl({ PATH: pathOf(kubectl) })).toEqual({ path: kubectl, reason: "on the PATH, 1.36" })
  })

  test("one on the PATH that is too old is not used, and the reason says what was found", async () => {
    const kubectl = kubectlSaying("old-", version("v1.32.4-dispatcher"))
    const choice = await chooseKubectl({ PATH: pathOf(kubectl) })
    expect(choice.path).toBeUndefined()
    expect(choice.reason).toContain(`${kubectl} is version 1.32`)
  })

  test("a program on the PATH that does not say its version is not used", async () => {
    const choice = await chooseKubectl({ PATH: pathOf(kubectlSaying("odd-", "usage: kubectl")) })
    expect(choice.path).toBeUndefined()
    expect(choice.reason).toContain("does not say its version")
  })

  test("with none on the PATH it is to be built", async () => {
    expect(await chooseKubectl({ PATH: directory })).toEqual({ path: undefined, reason: "no kubectl on the PATH" })
  })

  test("CLUSTERCONNECT_KUBECTL wins over the PATH", async () => {
    const named = kubectlSaying("named-", version("v1.38.0"))
    const onPath = kubectlSaying("path-", version("v1.37.2"))
    const choice = await chooseKubectl({ PATH: pathOf(onPath), CLUSTERCONNECT_KUBECTL: named })
    expect(choice.path).toBe(named)
  })

  test("CLUSTERCONNECT_KUBECTL with an unsuitable program is an error, never passed over", async () => {
    const old = kubectlSaying("named-old-", version("v1.30.0"))
    for (const named of [old, join(directory, "nothing-here")]) {
      const refusal = await chooseKubectl({ PATH: "", CLUSTERCONNECT_KUBECTL: named }).catch((error: unknown) => error)
      expect(refusal).toBeInstanceOf(UnsuitableKubectl)
      expect((refusal as Error).message).toContain(named)
    }
  })
})
