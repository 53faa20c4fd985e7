import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { mkdtempSync, writeFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { privateCertificate } from "../../identity/testing/privateCertificate.ts"
import { connectProxy } from "../../platform/fixtures/connectProxy.ts"
import { FarEnd } from "../../proxy/testing/FarEnd.ts"
import { Home } from "../../proxy/testing/ProxyProcess.ts"
import { ours, prefixed } from "../world/ours.ts"
import { asking } from "./asking.ts"
import { canBeSixOnly, createSixOnly, type SixOnly, writeHosts } from "./SixOnly.ts"

/** A name that has an IPv6 address and no other. */
const relayName = "relay.six.test"

/** Skipped where the kernel has no IPv6, or the user is not root. */
describe.skipIf(!canBeSixOnly)("on a machine that has IPv6 only", () => {
  let machine: SixOnly
  let folder: string
  let caFile: string
  let byAddress: FarEnd
  let byName: FarEnd
  beforeAll(async () => {
    machine = await createSixOnly()
    folder = mkdtempSync(join(tmpdir(), "clusterconnect-six-"))
    const { address } = machine
    const served = await privateCertificate([address, relayName])
    const certificate = { cert: served.certificatePem, key: served.keyPem }
    caFile = join(folder, "ca.crt")
    writeFileSync(caFile, served.caPem)
    byAddress = await FarEnd.start("edge-1", {}, certificate, { address, host: `[${address}]` })
    byName = await FarEnd.start("edge-1", {}, certificate, { address, host: relayName })
  })
  afterAll(async () => {
    await byAddress.stop()
    await byName.stop()
    await machine.stop()
    await rm(folder, { recursive: true })
  })

  /** `run` there: the local endpoint, and one request through it. */
  const run = async (far: FarEnd, environment: Record<string, string> = {}, hosts?: string) => {
    await using home = await Home.for(far)
    const words = [
      ...["run", "--relay", far.relayUrl, "--ca-file", caFile, "--pin", far.material.pin, "--wait-timeout", "0"],
      ...["--token-file", home.tokenFile, "--relay-token-file", home.relayTokenFile],
      ...[far.cluster, "--", process.execPath, "-e", asking],
    ]
    const child = spawn(...prefixed(machine.within(hosts), ...ours("clusterconnect", words)), {
      env: { PATH: process.env.PATH ?? "", HOME: home.path, TMPDIR: home.path, NO_COLOR: "1", ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    })
    const said = { stdout: "", stderr: "" }
    for (const where of ["stdout", "stderr"] as const)
      child[where].on("data", (chunk: Buffer) => {
        said[where] += chunk.toString("utf8")
      })
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
    const answer = said.stdout === "" ? undefined : JSON.parse(said.stdout).status
    return { code, answer, stderr: said.stderr }
  }
  const served = { code: 0, answer: 200, stderr: "" }
  /** Nobody listens there. */
  const deadProxy = { HTTPS_PROXY: "http://127.0.0.1:9" }

  test("a relay is reached by its address, and the local endpoint works", async () => {
    expect(await run(byAddress)).toEqual(served)
  })

  test("a relay is reached by a name that has no IPv4 address", async () => {
    const hosts = writeHosts(join(folder, "hosts"), machine.address, relayName)
    expect(await run(byName, {}, hosts)).toEqual(served)
  })

  test("NO_PROXY excludes it by network, by address with and without port, and by another spelling", async () => {
    const { port } = new URL(byAddress.relayUrl)
    const spelled = machine.address.replace("::1", ":0:0:0:1").toUpperCase()
    for (const NO_PROXY of [machine.network, machine.address, spelled, `[${machine.address}]:${port}`])
      expect({ NO_PROXY, ...(await run(byAddress, { ...deadProxy, NO_PROXY })) }).toEqual({ NO_PROXY, ...served })
  })

  test("what NO_PROXY does not name goes to the proxy, and its failure names it", async () => {
    for (const NO_PROXY of ["", "fd98::/16", `[${machine.address}]:1`]) {
      const { code, stderr } = await run(byAddress, { ...deadProxy, NO_PROXY })
      expect([code, stderr]).toEqual([125, expect.stringContaining("HTTPS_PROXY")])
    }
  })

  test("an HTTP proxy at an IPv6 address carries it, with a name and a password", async () => {
    const { host, port } = new URL(byAddress.relayUrl)
    const proxy = await connectProxy({
      address: machine.address,
      credentials: "me:p@ss",
      route: () => ({ port: Number(port) }),
    })
    const at = (user: string) => `http://${user}@[${machine.address}]:${proxy.port}`
    expect(await run(byAddress, { HTTPS_PROXY: at("me:p%40ss") })).toEqual(served)
    expect(new Set(proxy.asked)).toEqual(new Set([host]))
    const refused = await run(byAddress, { HTTPS_PROXY: at("me:wrong") })
    expect([refused.code, refused.stderr]).toEqual([125, expect.stringContaining("407")])
    expect(refused.stderr).not.toContain("wrong")
    await proxy.close()
  })
})
