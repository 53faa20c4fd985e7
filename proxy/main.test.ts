import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { existsSync, readdirSync, statSync } from "node:fs"
import { mkdir, readFile, rm, writeFile } from "node:fs/promises"
import http from "node:http"
import net from "node:net"
import { join } from "node:path"
import tls from "node:tls"
import { parse } from "yaml"
import { certificateAuthority } from "../platform/fixtures/certificateAuthority.ts"
import { FarEnd, jwt } from "./testing/FarEnd.ts"
import { answer } from "./testing/NearEnd.ts"
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

/** What kubectl would do with this kubeconfig. */
const get = (text: string, target: string) => {
  const config = parse(text)
  const url = new URL(config.clusters[0].cluster.server)
  const ca = Buffer.from(config.clusters[0].cluster["certificate-authority-data"], "base64").toString("utf8")
  const agent = new http.Agent()
  agent.createConnection = () =>
    tls.connect({ host: url.hostname, port: Number(url.port), ca, rejectUnauthorized: true })
  const headers = ["Host", url.host, "Authorization", `Bearer ${config.users[0].user.token}`]
  return answer(http.request({ agent, path: target, headers }))
}

const kubeconfigPath = (proxy: ProxyProcess) => /kubeconfig at (.*)/.exec(proxy.stderr)?.[1] ?? ""

describe("clusterconnect proxy", () => {
  test("serves with a kubeconfig of its own, says how to use it, and removes it when it is closed", async () => {
    const proxy = ProxyProcess.serving(home, far)
    await proxy.ready()
    const path = kubeconfigPath(proxy)
    expect(proxy.stdout).toBe("")
    expect(proxy.stderr).toMatch(/Proxy is listening on port \d+\n/)
    expect(proxy.stderr).toContain(`Start sending kubectl requests on 'edge-1' context using kubeconfig at ${path}`)
    expect(proxy.stderr).toContain(`export KUBECONFIG=${path}`)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(path, "..")).mode & 0o777).toBe(0o700)
    const text = await readFile(path, "utf8")
    expect(parse(text)["current-context"]).toBe("edge-1")
    expect(text).not.toContain("eyJ")
    expect((await get(text, "/api")).status).toBe(200)
    expect(await proxy.stop("SIGINT")).toBe(0)
    expect(existsSync(path)).toBe(false)
  })
  test("tells the auth proxy of its end, also when the way there breaks in that moment and comes back", async () => {
    const proxy = ProxyProcess.serving(home, far)
    await proxy.ready()
    expect(far.streams.streams).toBeGreaterThan(0)
    const dials = () => far.relayCalls.filter(({ target }) => target.endsWith("/stream")).length
    const before = dials()
    far.refuses = () =>
      dials() > before + 2 ? undefined : { code: 503, hop: "agent", cause: "NoSession", message: "gone for a moment" }
    far.cutCarriers()
    expect(await proxy.stop("SIGINT")).toBe(0)
    far.refuses = undefined
    expect(far.streams.streams).toBe(0)
  })
  test("prints the kubeconfig and nothing else on stdout with --file -, under the context asked for", async () => {
    const proxy = ProxyProcess.serving(home, far, ["--file", "-", "--kube-context", "mine"])
    await proxy.ready()
    expect(parse(proxy.stdout).contexts[0].name).toBe("mine")
    expect((await get(proxy.stdout, "/api")).status).toBe(200)
    expect(readdirSync(join(home.state, "kubeconfig"))).toEqual([])
    await proxy.stop()
  })
  test("writes to --file, but never over a kubeconfig that is not its own", async () => {
    const path = join(home.path, "new", "kube.yaml")
    const proxy = ProxyProcess.serving(home, far, ["--file", path])
    await proxy.ready()
    expect(statSync(join(path, "..")).mode & 0o777).toBe(0o700)
    await proxy.stop()
    expect(existsSync(path)).toBe(false)
    const foreign = "apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user: {token: precious}\n"
    await writeFile(path, foreign)
    const refused = ProxyProcess.serving(home, far, ["--file", path])
    expect(await refused.exited).toBe(1)
    expect(refused.stderr).toContain("not ours")
    expect(await readFile(path, "utf8")).toBe(foreign)
  })
  test("names a place on this machine that cannot be used, as a failure of this machine", async () => {
    const path = join(home.path, "a-file")
    await writeFile(path, "")
    for (const variable of ["XDG_STATE_HOME", "XDG_CONFIG_HOME"]) {
      const proxy = ProxyProcess.serving(home, far, [], { [variable]: path })
      expect(await proxy.exited).toBe(1)
      expect(proxy.stderr).toContain(`clusterconnect: ${path}`)
      expect(proxy.stderr).not.toContain("Error:")
    }
  })
  test("says a home that is no folder in one line, whichever command is asked", async () => {
    for (const args of [
      ["kubeconfig", far.cluster],
      ["credential", far.cluster, "--port", "27100"],
    ]) {
      // Bun itself would make a folder of this name for its cache.
      const environment = { HOME: "relative", BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" }
      const program = new ProxyProcess(home, args, environment)
      expect(await program.exited).toBe(1)
      expect(program.stderr).toBe("clusterconnect: no home directory: set HOME to an absolute path\n")
    }
  })
  test("refuses an explicit port that is taken", async () => {
    const taken = net.createServer()
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve))
    const { port } = taken.address() as net.AddressInfo
    const proxy = ProxyProcess.serving(home, far, ["--port", String(port)])
    expect(await proxy.exited).toBe(1)
    expect(proxy.stderr).toContain(`127.0.0.1:${port} cannot be used`)
    await new Promise((resolve) => taken.close(resolve))
  })
  test("reads a token file again when it changes", async () => {
    const proxy = ProxyProcess.serving(home, far, ["--file", "-"])
    await proxy.ready()
    const next = jwt({ aud: far.clusterAudience, jti: "renewed" })
    await writeFile(home.tokenFile, next)
    expect((await get(proxy.stdout, "/api")).body).toContain(next)
    await proxy.stop()
  })
  test("writes JSON log lines on request, in none of them a token", async () => {
    const proxy = ProxyProcess.serving(home, far, ["--file", "-", "--log-format", "json", "--log-level", "debug"])
    await proxy.says('"message":"listening"')
    await get(proxy.stdout, "/api")
    await proxy.stop()
    const lines = proxy.stderr.trim().split("\n")
    for (const line of lines) expect(JSON.parse(line).program).toBe("proxy")
    expect(proxy.stderr).not.toMatch(/eyJ|ccsession_/)
  })
})

describe("clusterconnect proxy exits", () => {
  const failing = async (change: Partial<FarEnd>, args: readonly string[], environment?: Record<string, string>) => {
    Object.assign(far, change)
    try {
      const proxy = ProxyProcess.serving(home, far, args, environment)
      return { code: await proxy.exited, said: proxy.stderr }
    } finally {
      far.refuses = undefined
    }
  }
  test("with 2 and one line when a flag cannot be understood", async () => {
    const proxy = new ProxyProcess(home, ["proxy", far.cluster, "--relay", far.relayUrl, "--token", "abc"])
    expect(await proxy.exited).toBe(2)
    expect(proxy.stderr).toContain("--relay-token-file")
    expect(proxy.stderr.trim().split("\n").length).toBe(1)
  })
  test("with 3 when the relay does not accept the relay token, naming relay and remedy", async () => {
    const refuses = () => ({ code: 401, hop: "relay", cause: "TokenIssuerUnknown", message: "unknown issuer" }) as const
    const { code, said } = await failing({ refuses }, [])
    expect(code).toBe(3)
    expect(said).toContain("unknown issuer. The relay did not accept the relay token")
  })
  test("with 3 when a token file is missing, empty or expired", async () => {
    const expired = join(home.path, "expired")
    await writeFile(expired, jwt({ aud: far.clusterAudience, exp: 1_700_000_000 }))
    const empty = join(home.path, "empty")
    await writeFile(empty, "")
    for (const [path, said] of [
      [expired, "expired at 2023"],
      [empty, "it is empty"],
      [join(home.path, "none"), "no such file"],
    ] as const) {
      const proxy = new ProxyProcess(home, [
        "proxy",
        far.cluster,
        "--relay",
        far.relayUrl,
        "--token-file",
        path,
        "--relay-token-file",
        home.relayTokenFile,
        "--pin",
        far.material.pin,
      ])
      expect(await proxy.exited).toBe(3)
      expect(proxy.stderr).toContain(said)
    }
  })
  test("with 3 when the auth proxy does not accept the cluster token", async () => {
    const before = far.handle
    far.handle = (_req, res) => res.writeHead(401, { "content-length": "2" }).end("no")
    const { code, said } = await failing({}, [])
    far.handle = before
    expect(code).toBe(3)
    expect(said).toContain("did not accept the cluster token")
  })
  test("with 4 for an unknown or forbidden cluster", async () => {
    const proxy = new ProxyProcess(home, [
      "proxy",
      "other",
      "--relay",
      far.relayUrl,
      "--token-file",
      home.tokenFile,
      "--relay-token-file",
      home.relayTokenFile,
      "--accept-new-pin",
    ])
    expect(await proxy.exited).toBe(4)
    expect(proxy.stderr).toContain("no such cluster, or not for you. Check the cluster's name and your access")
  })
  test("with 4 and the pin to compare when it is not known and nobody can be asked", async () => {
    await rm(join(home.configuration, "known-clusters.json"), { force: true })
    const proxy = new ProxyProcess(home, [
      "proxy",
      far.cluster,
      "--relay",
      far.relayUrl,
      "--token-file",
      home.tokenFile,
      "--relay-token-file",
      home.relayTokenFile,
    ])
    expect(await proxy.exited).toBe(4)
    expect(proxy.stderr).toContain(far.material.pin)
  })
  test("with 4 when the pin is another", async () => {
    const { code, said } = await failing({}, ["--pin", `sha256:${"0".repeat(64)}`])
    expect(code).toBe(4)
    expect(said).toContain("HAS CHANGED")
  })
  test("with 5 when the cluster has no agent, naming it", async () => {
    const refuses = (req: http.IncomingMessage) =>
      req.headers.upgrade === undefined
        ? undefined
        : ({ code: 503, hop: "agent", cause: "NoSession", message: "no agent is connected" } as const)
    const { code, said } = await failing({ refuses }, [])
    expect(code).toBe(5)
    expect(said).toContain("no agent is connected")
    // It tries for 8 s, because an agent may just be restarting.
  }, 90_000)
  test("with 5 when the relay cannot be reached", async () => {
    const proxy = new ProxyProcess(home, [
      "proxy",
      "edge-1",
      "--relay",
      "https://127.0.0.1:1",
      "--single-audience",
      "--token-file",
      home.tokenFile,
      "--accept-new-pin",
    ])
    expect(await proxy.exited).toBe(5)
    expect(proxy.stderr).toContain("127.0.0.1:1 cannot be reached")
  })
  test("with 5 and the flag that helps when the relay's certificate is of a private authority", async () => {
    const authority = await certificateAuthority()
    const secure = await FarEnd.start("edge-1", {}, await authority.issue("127.0.0.1"))
    await using other = await Home.for(secure)
    const distrusted = ProxyProcess.serving(other, secure)
    expect(await distrusted.exited).toBe(5)
    expect(distrusted.stderr).toContain("--ca-file")
    const caFile = join(other.path, "ca.crt")
    await writeFile(caFile, authority.cert)
    const trusted = ProxyProcess.serving(other, secure, ["--ca-file", caFile])
    await trusted.ready()
    await trusted.stop()
    await secure.stop()
  }, 20_000)
  test("with 1 when its memory of pins is damaged, instead of starting afresh", async () => {
    await mkdir(home.configuration, { recursive: true })
    const path = join(home.configuration, "known-clusters.json")
    await writeFile(path, "{")
    const { code, said } = await failing({}, [])
    await rm(path)
    expect(code).toBe(1)
    expect(said).toContain("known-clusters.json")
  })
})
