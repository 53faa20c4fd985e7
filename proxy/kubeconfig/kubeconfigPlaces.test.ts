import { expect, test } from "bun:test"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { kubeconfig } from "./kubeconfig.ts"
import { kubeconfigPlaces, passingIn, runFolderPrefix } from "./kubeconfigPlaces.ts"

const places = (list: readonly string[], present: readonly string[]) =>
  kubeconfigPlaces({ KUBECONFIG: list.join(delimiter) }, "/home/a", { exists: (path) => present.includes(path) })

test("as kubectl does it: the first file of $KUBECONFIG that exists, else the last, else ~/.kube/config", () => {
  expect(places(["/a", "/b", "/c"], ["/b", "/c"])).toEqual({ target: "/b", others: ["/a", "/c"] })
  expect(places(["/a", "/b", "/b", ""], [])).toEqual({ target: "/b", others: ["/a"] })
  expect(places([], [])).toEqual({ target: "/home/a/.kube/config", others: [] })
  expect(kubeconfigPlaces({}, "/home/a")).toEqual({ target: "/home/a/.kube/config", others: [] })
})

test("a file that goes with its proxy is never changed, and one that is named alone is said to be so", () => {
  const files = { exists: () => true, isPassing: (path: string) => path.startsWith("/state/") }
  const given = (...list: readonly string[]) => kubeconfigPlaces({ KUBECONFIG: list.join(delimiter) }, "/home/a", files)
  expect(given("/state/edge-1.yaml", "/b")).toEqual({ target: "/b", others: ["/state/edge-1.yaml"] })
  expect(() => given("/state/edge-1.yaml")).toThrow("takes away at its end: unset KUBECONFIG")
})

test("of our own folder, a session's file goes with its proxy, and a lasting entry's stays", async () => {
  const folder = await mkdtemp(join(tmpdir(), "clusterconnect-places-"))
  const entry = { name: "edge-1", port: 1, authorityPem: "PEM" }
  const plugin = { command: "c", args: [], relay: "https://r.example", cluster: "edge-1" }
  const isPassing = passingIn(folder)
  for (const [name, credential, expected] of [
    ["session", "ccsession_a", true],
    ["lasting", plugin, false],
  ] as const) {
    await writeFile(join(folder, name), kubeconfig([{ ...entry, credential }]))
    expect(isPassing(join(folder, name))).toBe(expected)
  }
  expect(isPassing(join(folder, "none"))).toBe(false)
  expect(passingIn(join(folder, "other"))(join(folder, "session"))).toBe(false)
  await rm(folder, { recursive: true })
})

test("inside of run, its kubeconfig goes with its folder", async () => {
  const folder = await mkdtemp(join(tmpdir(), runFolderPrefix))
  const file = join(folder, "kubeconfig")
  await writeFile(file, kubeconfig([{ name: "edge-1", port: 1, authorityPem: "PEM", credential: "ccsession_a" }]))
  expect(passingIn("/nowhere")(file)).toBe(true)
  await rm(folder, { recursive: true })
})
