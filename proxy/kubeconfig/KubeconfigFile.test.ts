import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parse, stringify } from "yaml"
import { LocalFailure } from "../failures.ts"
import { KubeconfigFile } from "./KubeconfigFile.ts"
import { kubeconfig } from "./kubeconfig.ts"
import { MergedKubeconfig } from "./MergedKubeconfig.ts"

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "clusterconnect-kubeconfig-"))
})
afterEach(() => rm(directory, { recursive: true }))

const locks = () => join(directory, "locks")
const entry = { name: "edge-1", port: 47_011, authorityPem: "PEM", credential: "ccsession_a" }
const text = kubeconfig([entry])

describe("a kubeconfig", () => {
  test("points at the local endpoint with the session credential, and its first context is current", () => {
    const config = parse(kubeconfig([entry, { ...entry, name: "edge-2", port: 47_012, credential: "ccsession_b" }]))
    expect(config).toEqual({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "edge-1",
      preferences: {},
      clusters: [
        { name: "edge-1", cluster: { server: "https://127.0.0.1:47011", "certificate-authority-data": "UEVN" } },
        { name: "edge-2", cluster: { server: "https://127.0.0.1:47012", "certificate-authority-data": "UEVN" } },
      ],
      users: [
        { name: "edge-1", user: { token: "ccsession_a" } },
        { name: "edge-2", user: { token: "ccsession_b" } },
      ],
      contexts: [
        { name: "edge-1", context: { cluster: "edge-1", user: "edge-1" } },
        { name: "edge-2", context: { cluster: "edge-2", user: "edge-2" } },
      ],
    })
  })
})

describe("a kubeconfig file", () => {
  test("is private, replaces one of an earlier run, and goes when it is removed", async () => {
    const path = join(directory, "state", "kubeconfig", "edge-1.yaml")
    await (await KubeconfigFile.own(path, text, "ccsession_a", locks())).remove()
    expect(existsSync(path)).toBe(false)
    await KubeconfigFile.own(path, "left over", "ccsession_x", locks())
    await KubeconfigFile.own(path, text, "ccsession_a", locks())
    expect(readFileSync(path, "utf8")).toBe(text)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(path, "..")).mode & 0o777).toBe(0o700)
  })
  test("stays when another proxy has replaced it since", async () => {
    const path = join(directory, "config")
    const first = await KubeconfigFile.at(path, text, "ccsession_a", locks())
    await KubeconfigFile.at(path, kubeconfig([{ ...entry, credential: "ccsession_b" }]), "ccsession_b", locks())
    await first.remove()
    expect(readFileSync(path, "utf8")).toContain("ccsession_b")
  })
  test("never takes the place of one that is not ours, or of a directory", async () => {
    const path = join(directory, "config")
    for (const foreign of [
      "users:\n- user: {token: abc}\n",
      "users: []\n",
      "{",
      "users:\n- user: {token: ccsession_a}\n- user: {}\n",
      "a",
    ]) {
      writeFileSync(path, foreign)
      await expect(KubeconfigFile.at(path, text, "ccsession_a", locks())).rejects.toThrow(LocalFailure)
      expect(readFileSync(path, "utf8")).toBe(foreign)
    }
    await expect(KubeconfigFile.at(directory, text, "ccsession_a", locks())).rejects.toThrow("it is a directory")
    writeFileSync(path, "")
    await KubeconfigFile.at(path, text, "ccsession_a", locks())
    expect(readFileSync(path, "utf8")).toBe(text)
  })
  test("of an entry that stays is replaced by one for the same cluster alone, and never one whose plugin is somebody else's", async () => {
    const path = join(directory, "config")
    const plugin = { command: "clusterconnect", args: ["credential"], relay: "https://one.example", cluster: "edge-1" }
    const foreign = "users:\n- name: a\n  user: {exec: {command: git, args: [credential, fill]}}\n"
    writeFileSync(path, foreign)
    await expect(KubeconfigFile.at(path, text, plugin, locks())).rejects.toThrow("which would be lost")
    expect(readFileSync(path, "utf8")).toBe(foreign)
    const kept = kubeconfig([{ ...entry, credential: plugin }])
    writeFileSync(path, kept)
    await KubeconfigFile.at(path, kept, plugin, locks())
    for (const credential of ["ccsession_a", { ...plugin, relay: "https://two.example" }, { ...plugin, cluster: "b" }])
      await expect(KubeconfigFile.at(path, text, credential, locks())).rejects.toThrow("which would be lost")
  })
  test("in which others wrote their entries loses ours alone, and the context that went with them", async () => {
    const path = join(directory, "config")
    const file = await KubeconfigFile.at(path, text, "ccsession_a", locks())
    const other = { ...entry, name: "edge-2", credential: "abc" }
    const merged = await MergedKubeconfig.merge({
      ...{ places: { target: path, others: [] }, entries: [other], current: true, mayReplace: undefined },
      locks: locks(),
    })
    await file.remove()
    const left = parse(readFileSync(path, "utf8"))
    for (const list of ["clusters", "users", "contexts"]) expect(left[list]).toMatchObject([{ name: "edge-2" }])
    expect(left["current-context"]).toBe("edge-2")
    await merged.remove()
    expect(parse(readFileSync(path, "utf8"))["current-context"]).toBe("")
  })
  test("goes whole when a person changed nothing but its own contexts", async () => {
    const path = join(directory, "config")
    const file = await KubeconfigFile.at(path, text, "ccsession_a", locks())
    const config = parse(text)
    config.contexts[0].context.namespace = "mine"
    config.contexts.push({ name: "short", context: { cluster: "edge-1", user: "edge-1" } })
    writeFileSync(path, stringify(config))
    await file.remove()
    expect(existsSync(path)).toBe(false)
  })
  test("of our own with others' entries is not overwritten: another one is", async () => {
    const path = join(directory, "state", "edge-1.yaml")
    await KubeconfigFile.own(path, text, "ccsession_a", locks())
    const foreign = readFileSync(path, "utf8").replace("users:", "users:\n  - name: mine\n    user: {token: abc}")
    writeFileSync(path, foreign)
    const second = await KubeconfigFile.own(path, text, "ccsession_a", locks())
    expect(second.path).toBe(join(directory, "state", "edge-1-2.yaml"))
    expect(readFileSync(path, "utf8")).toBe(foreign)
    await second.remove()
    expect(existsSync(second.path)).toBe(false)
  })
  test("leaves a lock of sixteen behind, and none in its place, however many there were", async () => {
    for (let index = 0; index < 40; index += 1) {
      const file = await KubeconfigFile.at(join(directory, `new-${index}`), text, entry.credential, locks())
      await file.remove()
    }
    expect(readdirSync(directory)).toEqual(["locks"])
    expect(readdirSync(locks()).length).toBeLessThanOrEqual(16)
  })

  test("is whole at every moment, whenever its writer is killed (S19)", async () => {
    const path = join(directory, "config")
    const writer = join(import.meta.dir, "..", "testing", "kubeconfigWriter.ts")
    for (let kill = 0; kill < 25; kill += 1) {
      const child = spawn(process.execPath, [writer, path], { stdio: ["ignore", "pipe", "inherit"] })
      const exited = new Promise((resolve) => child.once("exit", resolve))
      await new Promise((resolve) => child.stdout.once("data", resolve))
      // While it writes on, every look at the file finds a whole one; then it dies at some point of a write.
      for (let look = 0; look < 5 + kill; look += 1) expect(whole(path)).toBe(true)
      child.kill("SIGKILL")
      await exited
      expect(whole(path)).toBe(true)
      expect(statSync(path).mode & 0o777).toBe(0o600)
    }
    for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o077).toBe(0)
  }, 300_000)
})

/** The credential and the port, at opposite ends of the file, were written together. */
const whole = (path: string): boolean => {
  const config = parse(readFileSync(path, "utf8"))
  const { port } = new URL(config.clusters[0].cluster.server)
  return config.users[0].user.token === `ccsession_${(port || "443").repeat(2_000)}` && config.contexts.length === 1
}
