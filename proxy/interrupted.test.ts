import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { once } from "node:events"
import { existsSync } from "node:fs"
import net from "node:net"
import { constants } from "node:os"
import { join } from "node:path"
import { FarEnd } from "./testing/FarEnd.ts"
import { Home, ProxyProcess } from "./testing/ProxyProcess.ts"

let far: FarEnd
let home: Home
beforeAll(async () => {
  far = await FarEnd.start()
  home = await Home.for(far)
})
afterAll(async () => {
  await far.stop()
  await home[Symbol.asyncDispose]()
})

const serving = async (args: readonly string[] = [], under: readonly string[] = []) => {
  const file = join(home.path, "kubeconfig")
  const proxy = ProxyProcess.serving(home, far, ["--file", file, ...args], {}, under)
  await proxy.ready()
  return { proxy, file }
}

describe("a proxy in a terminal", () => {
  test("that is closed ends in order, however often it is told: its kubeconfig is gone", async () => {
    const file = join(home.path, "kubeconfig")
    const proxy = ProxyProcess.serving(home, far, ["--file", file, "--output", "json"])
    await proxy.says('"ready"')
    proxy.child.kill("SIGHUP")
    await proxy.says('"stopping"')
    expect(await proxy.stop("SIGHUP")).toBe(0)
    expect(existsSync(file)).toBe(false)
  })
  test.if(process.platform === "linux")("outlives it under nohup", async () => {
    const { proxy, file } = await serving([], ["sh", "-c", `trap "" HUP; exec "$@"`, "sh"])
    proxy.child.kill("SIGHUP")
    // What comes back from it came after the signal.
    const asked = new ProxyProcess(home, ["status", far.cluster])
    expect(await asked.exited).toBe(0)
    expect(existsSync(file)).toBe(true)
    expect(await proxy.stop("SIGTERM")).toBe(0)
  })
  test("whose words nobody reads any more serves on, and cleans up at its end", async () => {
    const { proxy, file } = await serving(["--log-level", "debug"])
    proxy.child.stderr?.destroy()
    proxy.child.stdout?.destroy()
    const lost = Promise.withResolvers<void>()
    far.refuses = () => {
      lost.resolve()
      return { code: 503, hop: "agent", cause: "NoSession", message: "gone for a moment" }
    }
    far.cutCarriers()
    await lost.promise
    far.refuses = undefined
    expect((await new ProxyProcess(home, ["status", far.cluster]).ended()).code).toBe(0)
    proxy.child.kill("SIGTERM")
    const [code] = await once(proxy.child, "exit")
    expect(code).toBe(0)
    expect(existsSync(file)).toBe(false)
  })
})

describe("a command that a signal ends before it has done its work", () => {
  const flags = (relay: string) => [
    ...["--relay", relay, "--token-file", home.tokenFile, "--relay-token-file", home.relayTokenFile],
    ...["--accept-new-pin", "--single-audience"],
  ]
  const relayToken = () => ["--relay-token-file", home.relayTokenFile, "--relay-audience", far.relayAudience]
  const cases = [
    ["proxy", (relay: string) => ["proxy", "edge-1", ...flags(relay)], "SIGINT"],
    ["proxy", (relay: string) => ["proxy", "edge-1", ...flags(relay)], "SIGHUP"],
    ["proxy --background", (relay: string) => ["proxy", "edge-1", "--background", ...flags(relay)], "SIGTERM"],
    ["kubeconfig", (relay: string) => ["kubeconfig", "edge-1", ...flags(relay)], "SIGINT"],
    ["clusters list", (relay: string) => ["clusters", "list", "--relay", relay, ...relayToken()], "SIGTERM"],
  ] as const
  test.each(cases)("%s has not succeeded: 128 and the signal", async (_name, args, signal) => {
    const asked = Promise.withResolvers<void>()
    const mute = net.createServer((socket) => {
      socket.on("error", () => {}).resume()
      asked.resolve()
    })
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve))
    const { port } = mute.address() as net.AddressInfo
    const program = new ProxyProcess(home, args(`http://127.0.0.1:${port}`))
    await Promise.race([asked.promise, program.exited.then(() => Promise.reject(new Error(program.stderr)))])
    expect(await program.stop(signal)).toBe(128 + constants.signals[signal])
    await new Promise((resolve) => mute.close(resolve))
  })
})
