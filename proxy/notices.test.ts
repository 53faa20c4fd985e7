import { expect, test } from "bun:test"
import { readyLines, variableLine } from "./notices.ts"

const one = { cluster: "edge-1", context: "mine", port: 47_011, insteadOf: undefined }

test("a person is told the port, the context, the file, what to type and how to stop", () => {
  expect(readyLines([one], { path: "/home/a/kube config.yaml", merged: false }, "linux")).toEqual([
    "Proxy is listening on port 47011",
    "Start sending kubectl requests on 'mine' context using kubeconfig at /home/a/kube config.yaml",
    "  export KUBECONFIG='/home/a/kube config.yaml'",
    "  kubectl get pods",
    "Press Ctrl+C to close proxy.",
  ])
})
test("a taken port, several clusters, stdout and Windows are said as they are", () => {
  const lines = readyLines(
    [
      { ...one, port: 5, insteadOf: 47_011 },
      { ...one, cluster: "b", context: "b", port: 6 },
    ],
    { path: "C:\\k", merged: false },
    "win32",
  )
  expect(lines).toContain("Port 47011 is taken, so a free one is used.")
  expect(lines).toContain("Proxy is listening on port 5 for cluster edge-1")
  expect(lines).toContain("  $env:KUBECONFIG = 'C:\\k'")
  expect(lines).toContain("  kubectl --context mine get pods")
  expect(readyLines([one], { path: undefined, merged: false }, "linux")).toContain(
    "Kubeconfig with context 'mine' written to standard output",
  )
})
test("the line for the shell says the path as that shell reads it", () => {
  expect(variableLine("/home/o'neil/kube config", "linux")).toBe("export KUBECONFIG='/home/o'\\''neil/kube config'")
  expect(variableLine("C:\\o'neil\\k", "win32")).toBe("$env:KUBECONFIG = 'C:\\o''neil\\k'")
})
test("a merged kubeconfig is the one that kubectl uses anyway: the lines that users of such proxies know", () => {
  expect(readyLines([one], { path: "/home/a/.kube/config", merged: true }, "linux")).toEqual([
    "Proxy is listening on port 47011",
    'Merged "mine" as current context in /home/a/.kube/config',
    "Start sending kubectl requests on 'mine' context using kubeconfig at /home/a/.kube/config",
    "  kubectl get pods",
    "Press Ctrl+C to close proxy.",
  ])
})

test("of a proxy in the background it is said how it is found and ended", () => {
  const background = { pid: 7, log: "/home/a/edge-1.log" }
  expect(readyLines([one], { path: "/home/a/k", merged: false }, "linux", background).slice(-3)).toEqual([
    "Proxy runs in the background with pid 7; its log is /home/a/edge-1.log",
    "  clusterconnect status",
    "  clusterconnect stop edge-1",
  ])
})
