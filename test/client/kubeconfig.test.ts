import { describe, expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { readFileSync, statSync, writeFileSync } from "node:fs"
import https from "node:https"
import net from "node:net"
import { join } from "node:path"
import { parse } from "yaml"
import { Profiles } from "../../proxy/profiles/Profiles.ts"
import type { FarEnd } from "../../proxy/testing/FarEnd.ts"
import { type Home, ProxyProcess } from "../../proxy/testing/ProxyProcess.ts"
import { farAndHome } from "./farAndHome.ts"

let far: FarEnd
let home: Home
farAndHome(
  (ownFar, ownHome) => {
    far = ownFar
    home = ownHome
  },
  { stopping: true },
)

const client = (...args: string[]) => new ProxyProcess(home, args).ended()
const write = (...args: string[]) =>
  client(
    ...["kubeconfig", "edge-1", "--relay", far.relayUrl, "--token-file", home.tokenFile, "--pin", far.material.pin],
    ...["--relay-token-file", home.relayTokenFile, ...args],
  )
const proxies = async (): Promise<readonly { pid: number; clusters: readonly { port: number }[] }[]> =>
  JSON.parse((await client("status", "--output", "json")).stdout).proxies

interface Entry {
  readonly server: string
  readonly ca: string
  readonly exec: { readonly command: string; readonly args: readonly string[] }
}
const entryIn = (text: string): Entry => {
  const { clusters, users } = parse(text)
  const { server, "certificate-authority-data": ca } = clusters[0].cluster
  return { server, ca, exec: users[0].user.exec }
}
/** Runs the entry's plugin as kubectl does; `info` is laid over what kubectl says of the cluster. */
const plugin = ({ server, ca, exec }: Entry, info: object = {}, variables: Record<string, string> = {}) => {
  const cluster = { server, "certificate-authority-data": ca, ...info }
  const env = {
    ...{ PATH: process.env.PATH, HOME: home.path, NO_COLOR: "1", ...variables },
    KUBERNETES_EXEC_INFO: JSON.stringify({
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      spec: { cluster, interactive: false },
    }),
  }
  const child = spawn(exec.command, exec.args, { env, stdio: ["ignore", "pipe", "pipe"] })
  let [stdout, stderr] = ["", ""]
  child.stdout.on("data", (chunk) => {
    stdout += chunk
  })
  child.stderr.on("data", (chunk) => {
    stderr += chunk
  })
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
    child.once("close", (code) => resolve({ code, stdout, stderr })),
  )
}
const tokenOf = (stdout: string): string => JSON.parse(stdout).status.token
const get = ({ server, ca }: Entry, token: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` }
    const options = { agent: false, ca: Buffer.from(ca, "base64"), rejectUnauthorized: true, headers }
    https.get(`${server}/api`, options, (answer) => resolve(answer.resume().statusCode)).on("error", reject)
  })

describe("clusterconnect kubeconfig", () => {
  test("writes an entry that holds no secret, whose plugin starts a proxy and gives what that proxy takes", async () => {
    const file = join(home.path, "edge-1.yaml")
    expect(await write("--file", file)).toMatchObject({ code: 0, stdout: "" })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const text = readFileSync(file, "utf8")
    expect(text).not.toContain("ccsession_")
    expect(text).not.toContain(readFileSync(home.tokenFile, "utf8").trim())
    expect(await proxies()).toEqual([])
    const session = ProxyProcess.serving(home, far, ["--file", file])
    expect(await session.exited).toBe(1)
    expect(session.stderr).toContain("which would be lost")
    expect(readFileSync(file, "utf8")).toBe(text)
    const entry = entryIn(text)
    const { code, stdout, stderr } = await plugin(entry)
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(JSON.parse(stdout)).toMatchObject({
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      status: { token: expect.stringMatching(/^ccsession_/), expirationTimestamp: expect.any(String) },
    })
    expect(await get(entry, tokenOf(stdout))).toBe(200)
    const [proxy] = await proxies()
    expect(entry.server).toBe(`https://127.0.0.1:${proxy?.clusters[0]?.port}`)
    const words = readFileSync(`/proc/${proxy?.pid}/cmdline`, "utf8")
    expect(words).not.toContain("ccsession_")
  })

  test("ten of its plugins at once start one proxy, and a killed one is started again", async () => {
    const { stdout: text } = await write("--file", "-")
    const entry = entryIn(text)
    const answers = await Promise.all(Array.from({ length: 10 }, () => plugin(entry)))
    expect(answers.map(({ code, stderr }) => ({ code, stderr }))).toEqual(Array(10).fill({ code: 0, stderr: "" }))
    expect(new Set(answers.map(({ stdout }) => tokenOf(stdout))).size).toBe(1)
    const [first, ...more] = await proxies()
    expect(more).toEqual([])
    process.kill(first!.pid, "SIGKILL")
    const again = await plugin(entry)
    expect(again).toMatchObject({ code: 0, stderr: "" })
    expect(await get(entry, tokenOf(again.stdout))).toBe(200)
    expect((await proxies()).map(({ pid }) => pid)).not.toContain(first!.pid)
  }, 180_000)

  test("keeps its port when it is written again while its proxy runs", async () => {
    const { stdout } = await write("--file", "-")
    await plugin(entryIn(stdout))
    expect(entryIn((await write("--file", "-")).stdout)).toEqual(entryIn(stdout))
  })

  test("gives a credential only for its own endpoint: not to who runs it by hand, nor for another server or authority", async () => {
    const { stdout } = await write("--file", "-")
    const entry = entryIn(stdout)
    expect(await client(...entry.exec.args.slice(entry.exec.args.indexOf("credential")))).toMatchObject({
      ...{ code: 2, stdout: "" },
      stderr: expect.stringContaining("is run by kubectl"),
    })
    const bent = {
      ...entry,
      exec: { ...entry.exec, args: entry.exec.args.map((word) => (word === "edge-1" ? "../x" : word)) },
    }
    expect((await plugin(bent)).code).toBe(2)
    for (const [info, why] of [
      [{ server: "https://evil.example.com" }, "server is not"],
      [{ "insecure-skip-tls-verify": true }, "has insecure-skip-tls-verify"],
      [{ "certificate-authority-data": Buffer.from("another").toString("base64") }, "authority is not this machine's"],
    ] as const)
      expect(await plugin(entry, info)).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining(why) })
    expect(await proxies()).toEqual([])
  })

  test("says so when another program has its port, and what a proxy would have ended with", async () => {
    const taken = net.createServer()
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve))
    try {
      const { port } = taken.address() as net.AddressInfo
      const { stdout } = await write("--file", "-", "--port", String(port))
      expect(await plugin(entryIn(stdout))).toMatchObject({
        ...{ code: 1, stdout: "" },
        stderr: expect.stringContaining(`127.0.0.1:${port} cannot be used: another program listens there`),
      })
    } finally {
      await new Promise((resolve) => taken.close(resolve))
    }
    const { stdout } = await write("--file", "-")
    writeFileSync(home.tokenFile, "two words")
    expect(await plugin(entryIn(stdout))).toMatchObject({
      ...{ code: 3, stdout: "" },
      stderr: expect.stringContaining("more than one word"),
    })
  })

  test("refuses a token that only this moment has, and an idle time that is none", async () => {
    expect(await write("--token-file", "-")).toMatchObject({ code: 2 })
    expect(await write("--relay-token-file", "/dev/stdin")).toMatchObject({ code: 2 })
    for (const idle of ["59", "86401", "-1"])
      expect(await write(`--idle=${idle}`)).toMatchObject({ code: 2, stderr: expect.stringContaining("--idle") })
  })

  test("has its settings in itself: variables are taken when it is written, and no shell's change them, nor bring a token", async () => {
    const written = new ProxyProcess(home, ["kubeconfig", "edge-1", "--file", "-"], {
      CLUSTERCONNECT_RELAY: far.relayUrl,
      CLUSTERCONNECT_TOKEN_FILE: `edge-2=/none,edge-1=${home.tokenFile}`,
      CLUSTERCONNECT_RELAY_TOKEN_FILE: home.relayTokenFile,
      CLUSTERCONNECT_PIN: `edge-1=${far.material.pin}`,
    })
    expect(await written.exited).toBe(0)
    const entry = entryIn(written.stdout)
    const { stdout } = await plugin(
      entry,
      {},
      { CLUSTERCONNECT_TOKEN: "somebody-else", CLUSTERCONNECT_PIN: "nonsense" },
    )
    expect(await get(entry, tokenOf(stdout))).toBe(200)
    const [proxy] = await proxies()
    expect(readFileSync(`/proc/${proxy?.pid}/environ`, "utf8")).not.toContain("somebody-else")
    for (const name of ["CLUSTERCONNECT_TOKEN", "CLUSTERCONNECT_RELAY_TOKEN"]) {
      const words = ["kubeconfig", "edge-1", "--relay", far.relayUrl, "--pin", far.material.pin]
      const { code, stderr } = await new ProxyProcess(home, words, { [name]: "secret-word" }).ended()
      expect(code).toBe(2)
      expect(stderr).toContain(`${name} is this shell's`)
      expect(stderr).not.toContain("secret-word")
    }
  })

  test("names the profile that it was written with, whichever is the current one later", async () => {
    const profiles = new Profiles(join(home.configuration, "profiles.json"))
    await profiles.save("mine", () => ({ relay: far.relayUrl }))
    const { stdout } = await write("--file", "-")
    expect(entryIn(stdout).exec.args).toContain("--profile=mine")
    await profiles.save("other", () => ({ relay: far.relayUrl }))
    const entry = entryIn(stdout)
    expect(await get(entry, tokenOf((await plugin(entry)).stdout))).toBe(200)
    expect(entryIn((await write("--file", "-")).stdout).exec.args).toContain("--profile=other")
  })

  test("--merge adds it beside what is there, for good; a session takes its place only when that was asked for", async () => {
    const config = join(home.path, ".kube", "config")
    const merged = await write("--merge")
    expect(merged).toMatchObject({ code: 0, stdout: "" })
    const text = readFileSync(config, "utf8")
    expect(await write("--merge")).toMatchObject({ code: 0 })
    expect(entryIn(readFileSync(config, "utf8"))).toEqual(entryIn(text))
    const before = readFileSync(config, "utf8")
    const session = ProxyProcess.serving(home, far, ["--merge"])
    expect(await session.exited).toBe(1)
    expect(session.stderr).toContain("--overwrite-existing")
    expect(readFileSync(config, "utf8")).toBe(before)
  })
})
