import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, watch, writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parse } from "yaml"
import { LocalFailure } from "../failures.ts"
import { MergedKubeconfig } from "./MergedKubeconfig.ts"

let directory: string
let path: string
/** Bundled, because it is started hundreds of times. */
let program: string
let bundled: string
beforeAll(async () => {
  bundled = await mkdtemp(join(tmpdir(), "clusterconnect-merger-"))
  const entrypoints = [join(import.meta.dir, "..", "testing", "kubeconfigMerger.ts")]
  const built = await Bun.build({ entrypoints, target: "bun", outdir: bundled, minify: true })
  program = built.outputs[0]?.path ?? ""
})
afterAll(() => rm(bundled, { recursive: true }))
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "clusterconnect-merge-"))
  path = join(directory, "config")
})
afterEach(async () => {
  // A writer that a failed test has not killed would write for ever.
  for (const child of writers.splice(0)) child.kill("SIGKILL")
  await rm(directory, { recursive: true })
})
const writers: ChildProcess[] = []

const precious = `# mine
apiVersion: v1
clusters:
- cluster:
    server: https://10.0.0.1:6443
  name: office
contexts:
- context:
    cluster: office
    user: ann
  name: office
current-context: office
kind: Config
users:
- name: ann
  user:
    token: ${"precious".repeat(2_000)}
`
const entry = (name: string) => ({ name, port: 47_011, authorityPem: "PEM", credential: `ccsession_${name}` })
const merge = (name: string, more: Partial<Parameters<typeof MergedKubeconfig.merge>[0]> = {}) =>
  MergedKubeconfig.merge({
    places: { target: path, others: [] },
    entries: [entry(name)],
    current: true,
    mayReplace: undefined,
    locks: join(directory, "locks"),
    ...more,
  })
const read = () => readFileSync(path, "utf8")
const merger = (name: string, times?: number, file = path) => {
  const child = spawn(
    process.execPath,
    [program, file, join(directory, "locks"), name, ...(times === undefined ? [] : [String(times)])],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  )
  writers.push(child)
  return { child, exited: once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]> }
}

describe("a kubeconfig of the user's", () => {
  test("gets our entries and loses them again, byte for byte, and is private while it holds a credential", async () => {
    writeFileSync(path, precious)
    const merged = await merge("edge-1")
    expect(parse(read())["current-context"]).toBe("edge-1")
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await merged.remove()
    expect(read()).toBe(precious)
  })

  test("that did not exist is gone afterwards, unless somebody else put something into it", async () => {
    const merged = await merge("edge-1")
    const other = await merge("edge-2")
    await merged.remove()
    expect(parse(read())["current-context"]).toBe("edge-2")
    await other.remove()
    expect(parse(read()).contexts).toEqual([])
    await (await merge("edge-1", { places: { target: join(directory, "new", "config"), others: [] } })).remove()
    expect(existsSync(join(directory, "new", "config"))).toBe(false)
  })

  test("behind a symbolic link stays behind it", async () => {
    const real = join(directory, "real")
    writeFileSync(real, precious)
    symlinkSync(real, path)
    const merged = await merge("edge-1")
    expect(readFileSync(real, "utf8")).toContain("edge-1")
    await merged.remove()
    expect(readFileSync(real, "utf8")).toBe(precious)
  })

  test("keeps an entry of the same name that is not ours, unless a person agrees", async () => {
    writeFileSync(path, precious)
    await expect(merge("office")).rejects.toThrow(LocalFailure)
    await expect(merge("office", { mayReplace: async () => false })).rejects.toThrow("--overwrite-existing")
    expect(read()).toBe(precious)
    await merge("office", { mayReplace: async (names) => names.join() === "office" })
    expect(parse(read()).clusters[0].cluster.server).toBe("https://127.0.0.1:47011")
  })

  test("is not hidden by ours when it is another file of $KUBECONFIG, unless a person agrees", async () => {
    const other = join(directory, "other")
    writeFileSync(other, precious)
    const places = { target: path, others: [other] }
    await expect(merge("office", { places })).rejects.toThrow(other)
    await merge("office", { places, mayReplace: async () => true })
    expect(readFileSync(other, "utf8")).toBe(precious)
  })

  test("that cannot be read as one is left as it is", async () => {
    writeFileSync(path, "clusters: [}")
    await expect(merge("edge-1")).rejects.toThrow("left as it is")
    expect(read()).toBe("clusters: [}")
  })

  test("serves ten writers at once: none loses another's entry, none leaves one", async () => {
    writeFileSync(path, precious)
    const ten = Array.from({ length: 10 }, (_, index) => merger(`edge-${index}`, 4))
    for (const { exited } of ten) expect((await exited)[0]).toBe(0)
    expect(read()).toBe(precious)
    const merged = await Promise.all(Array.from({ length: 10 }, (_, index) => merge(`edge-${index}`)))
    expect(parse(read()).contexts.length).toBe(11)
    await Promise.all(merged.map((one) => one.remove()))
    expect(read()).toBe(precious)
  }, 60_000)

  test("is never damaged by a kill in the middle of a write, 200 times (S19)", async () => {
    // Large, so that a write is still under way when its first traces are seen.
    const large = precious.replace("precious", "precious".repeat(400_000))
    const lanes = Array.from({ length: 4 }, async (_, lane) => {
      const own = join(directory, String(lane))
      mkdirSync(own)
      const file = join(own, "config")
      writeFileSync(file, large)
      for (let kill = 0; kill < 50; kill += 1) {
        const { child, exited } = merger(`edge-${kill % 3}`, undefined, file)
        let seen = 0
        const watcher = watch(own, () => {
          // At the first trace of a write, or at one of the next four.
          if (++seen > kill % 5) child.kill("SIGKILL")
        })
        expect((await exited)[1]).toBe("SIGKILL")
        watcher.close()
        const text = readFileSync(file, "utf8")
        expect({ kill, length: text.length, whole: whole(text) }).toMatchObject({ whole: true })
      }
      for (const name of ["edge-0", "edge-1", "edge-2"])
        await (await merge(name, { places: { target: file, others: [] } })).remove()
      expect(readFileSync(file, "utf8") === large).toBe(true)
      expect(readdirSync(own)).toEqual(["config"])
    })
    await Promise.all(lanes)
    // 200 starts and 600 MB written: half a minute on two idle cores, minutes on busy ones.
  }, 600_000)
})

/** All of the user's own, and every entry of ours complete. */
const whole = (text: string): boolean => {
  if (!text.endsWith("\n")) return false
  const config = parse(text) ?? {}
  const names = (config.contexts ?? []).map(({ name }: { name: string }) => name)
  return (
    text.startsWith("# mine\n") &&
    /^(precious)+$/.test(config.users[0].user.token) &&
    names[0] === "office" &&
    config.clusters.length === names.length &&
    config.users.length === names.length &&
    names.includes(config["current-context"])
  )
}
