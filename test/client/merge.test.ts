import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdirSync, readdirSync, readFileSync, statSync, watch, writeFileSync } from "node:fs"
import https from "node:https"
import { dirname, join } from "node:path"
import { parse } from "yaml"
import { FarEnd } from "../../proxy/testing/FarEnd.ts"
import { Home, ProxyProcess } from "../../proxy/testing/ProxyProcess.ts"

let far: FarEnd
let home: Home
let config: string
beforeEach(async () => {
  far = await FarEnd.start()
  home = await Home.for(far)
  config = join(home.path, ".kube", "config")
  mkdirSync(dirname(config))
  writeFileSync(config, precious, { mode: 0o600 })
})
afterEach(async () => {
  await far.stop()
  await home[Symbol.asyncDispose]()
})

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
    token: precious
`

interface Kubeconfig {
  readonly clusters: readonly { readonly name: string; readonly cluster: Readonly<Record<string, string>> }[]
  readonly users: readonly { readonly name: string; readonly user: { readonly token: string } }[]
}

/** The answer to a request as kubectl would send it in this context. */
const status = (context: string) => {
  const { clusters, users } = parse(readFileSync(config, "utf8")) as Kubeconfig
  const named = <A extends { readonly name: string }>(list: readonly A[]) => list.find(({ name }) => name === context)
  const { server, "certificate-authority-data": ca = "" } = named(clusters)?.cluster ?? {}
  const headers = { authorization: `Bearer ${named(users)?.user.token}` }
  const options = { agent: false, ca: Buffer.from(ca, "base64"), rejectUnauthorized: true, headers }
  return new Promise<number | undefined>((resolve, reject) => {
    https.get(`${server}/api`, options, (answer) => resolve(answer.resume().statusCode)).on("error", reject)
  })
}

test("ten proxies started at once merge their contexts, each works, and nothing is left when they end", async () => {
  const names = Array.from({ length: 10 }, (_, index) => `edge-1-${index}`)
  const proxies = names.map((name) => ProxyProcess.serving(home, far, ["--merge", "--kube-context", name]))
  await Promise.all(proxies.map((proxy) => proxy.ready()))
  const contexts = parse(readFileSync(config, "utf8")).contexts.map(({ name }: { name: string }) => name)
  expect(contexts.toSorted()).toEqual([...names, "office"])
  expect(await Promise.all(names.map(status))).toEqual(names.map(() => 200))
  const ports = proxies.map(({ stderr }) => /listening on port (\d+)/.exec(stderr)?.[1])
  expect(new Set(ports).size).toBe(10)
  for (const [index, { stderr }] of proxies.entries()) {
    expect(stderr).toContain(`Merged "${names[index]}" as current context in ${config}`)
    expect(stderr).toContain(
      `Start sending kubectl requests on '${names[index]}' context using kubeconfig at ${config}`,
    )
  }
  expect(await Promise.all(proxies.map((proxy) => proxy.stop("SIGINT")))).toEqual(names.map(() => 0))
  expect(readFileSync(config, "utf8")).toBe(precious)
  expect(readdirSync(dirname(config))).toEqual(["config"])
}, 120_000)

test("an entry that is not ours stays without a terminal to ask at, and goes with --overwrite-existing", async () => {
  const refused = ProxyProcess.serving(home, far, ["--merge", "--kube-context", "office"])
  expect(await refused.exited).toBe(1)
  expect(refused.stderr).toContain("--overwrite-existing")
  expect(readFileSync(config, "utf8")).toBe(precious)
  const told = ProxyProcess.serving(home, far, ["--merge", "--kube-context", "office", "--overwrite-existing"])
  await told.ready()
  expect(await status("office")).toBe(200)
  await told.stop()
  expect(parse(readFileSync(config, "utf8")).clusters).toEqual([])
})

test("$KUBECONFIG's list is honoured as kubectl does it, and --file names another file", async () => {
  const other = join(home.path, "other")
  const KUBECONFIG = `${join(home.path, "absent")}:${config}`
  const first = ProxyProcess.serving(home, far, ["--merge"], { KUBECONFIG })
  await first.ready()
  expect(readFileSync(config, "utf8")).toContain("edge-1")
  const second = ProxyProcess.serving(home, far, ["--merge", "--file", other], { KUBECONFIG })
  await second.ready()
  expect(parse(readFileSync(other, "utf8"))["current-context"]).toBe("edge-1")
  await Promise.all([first.stop(), second.stop()])
  expect(readdirSync(home.path)).not.toContain("other")
  expect(readFileSync(config, "utf8")).toBe(precious)
})

test("a user's kubeconfig is whole whenever the program is killed in the middle of a merge, and later ones clean up (S19)", async () => {
  // Large, so that a write is still under way when its first traces are seen.
  const large = precious.replace("precious", "precious".repeat(400_000))
  writeFileSync(config, large, { mode: 0o600 })
  for (let kill = 0; kill < 20; kill += 1) {
    const proxy = ProxyProcess.serving(home, far, ["--merge", "--kube-context", `edge-1-${kill % 3}`])
    let seen = 0
    const watcher = watch(dirname(config), () => {
      // At the first trace of a write, or at one of the next four.
      if (++seen > kill % 5) proxy.child.kill("SIGKILL")
    })
    // One that got to its end without so many traces is killed there.
    await proxy.ready().catch(() => {})
    proxy.child.kill("SIGKILL")
    expect([await proxy.exited, proxy.child.signalCode]).toEqual([null, "SIGKILL"])
    watcher.close()
    const text = readFileSync(config, "utf8")
    expect(text.startsWith("# mine\n") && text.endsWith("\n")).toBe(true)
    const { contexts, users, clusters } = parse(text)
    expect(users[0].user.token === "precious".repeat(400_000)).toBe(true)
    expect([contexts[0].name, users.length, clusters.length]).toEqual(["office", contexts.length, contexts.length])
    expect(statSync(config).mode & 0o777).toBe(0o600)
  }
  for (const name of ["edge-1-0", "edge-1-1", "edge-1-2"]) {
    const proxy = ProxyProcess.serving(home, far, ["--merge", "--kube-context", name])
    await proxy.ready()
    expect(await proxy.stop()).toBe(0)
  }
  expect(readFileSync(config, "utf8") === large).toBe(true)
  expect(readdirSync(dirname(config))).toEqual(["config"])
}, 300_000)
