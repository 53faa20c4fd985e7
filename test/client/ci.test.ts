import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { writeFile } from "node:fs/promises"
import type { ServerResponse } from "node:http"
import { join } from "node:path"
import { Either } from "effect"
import { readClaims } from "../../identity/readClaims.ts"
import { azureEndpoints, githubEndpoint } from "../../proxy/testing/ciEndpoints.ts"
import { FarEnd, jwt } from "../../proxy/testing/FarEnd.ts"
import { Home, ProxyProcess } from "../../proxy/testing/ProxyProcess.ts"
import { eventually } from "../world/eventually.ts"
import { ask, exec, watch } from "./localRequest.ts"

let far: FarEnd
let home: Home
let stop: (() => Promise<void>) | undefined
beforeEach(async () => {
  far = await FarEnd.start()
  home = await Home.for(far)
})
afterEach(async () => {
  await stop?.()
  stop = undefined
  await far.stop()
  await home[Symbol.asyncDispose]()
})

/** `proxy` as a job runs it: nothing but the runner's environment, the relay and the pin. */
const job = async (environment: Record<string, string>, caPem?: string, more: readonly string[] = []) => {
  const caFile = join(home.path, "ca.pem")
  if (caPem !== undefined) await writeFile(caFile, caPem)
  return new ProxyProcess(
    home,
    ["proxy", far.cluster, ...(caPem === undefined ? [] : ["--ca-file", caFile]), ...more],
    {
      CLUSTERCONNECT_RELAY: far.relayUrl,
      CLUSTERCONNECT_PIN: `${far.cluster}=${far.material.pin}`,
      ...environment,
    },
  )
}
const claims = (token: string) => Either.getOrThrow(readClaims(token))
const clusterTokens = () =>
  far.requests.map(({ rawHeaders }) => rawHeaders[rawHeaders.indexOf("Authorization") + 1]?.slice(7) ?? "")
const relayTokens = () => far.relayCalls.map(({ authorization }) => authorization.slice(7))
const eachHasItsOwn = () => {
  for (const token of clusterTokens()) expect(claims(token).audiences).toEqual([far.clusterAudience])
  for (const token of relayTokens()) expect(claims(token).audiences).toEqual([far.relayAudience])
}

describe("in a job without any stored secret", () => {
  test("GitHub Actions: a token for each, from the runner's endpoint", async () => {
    const endpoint = await githubEndpoint("runner-secret")
    stop = endpoint.stop
    const proxy = await job(
      {
        GITHUB_ACTIONS: "true",
        ACTIONS_ID_TOKEN_REQUEST_URL: `${endpoint.url}/token?api-version=2.0`,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: "runner-secret",
      },
      endpoint.caPem,
    )
    await proxy.ready()
    expect((await ask(home, "/api")).status).toBe(200)
    expect(await proxy.stop()).toBe(0)
    eachHasItsOwn()
    expect(proxy.stderr).not.toContain("runner-secret")
  })

  test("GitLab CI: a token for each, from the job's id_tokens", async () => {
    const proxy = await job({
      GITLAB_CI: "true",
      CLUSTERCONNECT_ID_TOKEN_RELAY: jwt({ aud: far.relayAudience }),
      CLUSTERCONNECT_ID_TOKEN_EDGE: jwt({ aud: far.clusterAudience }),
    })
    await proxy.ready()
    expect((await ask(home, "/api")).status).toBe(200)
    expect(await proxy.stop()).toBe(0)
    eachHasItsOwn()
  })

  test("Azure Pipelines: a token for each, from Entra for the service connection", async () => {
    const endpoints = await azureEndpoints("job-secret", "client", "connection")
    stop = endpoints.stop
    const proxy = await job(
      {
        TF_BUILD: "True",
        SYSTEM_OIDCREQUESTURI: `${endpoints.url}/oidctoken`,
        SYSTEM_ACCESSTOKEN: "job-secret",
        AZURESUBSCRIPTION_SERVICE_CONNECTION_ID: "connection",
        AZURESUBSCRIPTION_CLIENT_ID: "client",
        AZURESUBSCRIPTION_TENANT_ID: "the-tenant",
        AZURE_AUTHORITY_HOST: endpoints.url,
      },
      endpoints.caPem,
    )
    await proxy.ready()
    expect((await ask(home, "/api")).status).toBe(200)
    expect(await proxy.stop()).toBe(0)
    eachHasItsOwn()
  })

  test("any other: a command that prints a token, run for each audience", async () => {
    const prints = join(home.path, "prints")
    const body = `const [, , audience] = process.argv; const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url")
console.log([{ alg: "RS256" }, { aud: audience, sub: "job", iss: "https://idp.example", exp: Math.floor(Date.now() / 1000) + 300 }].map(part).join(".") + ".c2ln")`
    await writeFile(`${prints}.js`, body)
    const command = JSON.stringify([process.execPath, `${prints}.js`, "{audience}"])
    const proxy = await job({}, undefined, ["--token-command", command])
    await proxy.ready()
    expect(await proxy.stop()).toBe(0)
    eachHasItsOwn()
  })

  test("no token is fetched for an audience that a cluster's document chose, however well it is signed", async () => {
    far.publish({ audiences: { "https://idp.example": "https://vault.example" } })
    const endpoint = await githubEndpoint("runner-secret")
    stop = endpoint.stop
    const runner = {
      GITHUB_ACTIONS: "true",
      ACTIONS_ID_TOKEN_REQUEST_URL: `${endpoint.url}/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: "runner-secret",
    }
    const refused = await job(runner, endpoint.caPem)
    expect(await refused.exited).toBe(4)
    expect(refused.stderr).toContain("https://vault.example")
    expect(endpoint.asked.map(({ url }) => url.searchParams.get("audience"))).toEqual([far.relayAudience])
    const named = await job(runner, endpoint.caPem, ["--audience", "https://vault.example"])
    await named.ready()
    expect(await named.stop()).toBe(0)
  })

  test("a job that may not ask for tokens is told which permission it lacks, with exit code 3", async () => {
    const proxy = await job({ GITHUB_ACTIONS: "true" })
    expect(await proxy.exited).toBe(3)
    expect(proxy.stderr).toContain("id-token: write")
  })
})

/** `bun run test:long tokens` takes the 60 s and 5 min. */
const tokenSeconds = Number(process.env.CLUSTERCONNECT_TOKEN_SECONDS ?? 3)
const generations = Number(process.env.CLUSTERCONNECT_TOKEN_GENERATIONS ?? 3)

test(
  "a watch and an exec outlive many tokens, and cuts of their path with every one of them",
  async () => {
    const endpoint = await githubEndpoint("runner-secret", tokenSeconds)
    stop = endpoint.stop
    let watching: ServerResponse | undefined
    far.handle = (req, res) => {
      if (!req.url?.includes("watch=true")) return void res.end("{}")
      watching = res
      res.writeHead(200, { "content-type": "application/json" })
      res.write("begun\n")
    }
    far.handleUpgrade = (_req, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
      socket.on("data", (chunk) => socket.write(`echoed ${chunk}`))
    }
    const proxy = await job(
      {
        GITHUB_ACTIONS: "true",
        ACTIONS_ID_TOKEN_REQUEST_URL: `${endpoint.url}/token?api-version=2.0`,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: "runner-secret",
      },
      endpoint.caPem,
    )
    await proxy.ready()
    const events = await watch(home, "/api/v1/pods?watch=true")
    await events.says("begun")
    const shell = await exec(home, "/api/v1/namespaces/a/pods/b/exec?command=sh")
    const seen = new Set(clusterTokens())
    for (let generation = 1; generation <= generations; generation += 1) {
      const before = seen.size
      await eventually(`token ${generation}`, tokenSeconds * 4_000 + 20_000, async () => {
        expect((await ask(home, "/api")).status).toBe(200)
        for (const token of clusterTokens()) seen.add(token)
        return seen.size > before ? { done: true } : { seen: seen.size }
      })
      // The next carrier needs a relay token that is good now.
      far.cutCarriers()
      watching?.write(`after-${generation}\n`)
      await events.says(`after-${generation}`)
      shell.write(`typed-${generation}\n`)
      await shell.says(`echoed typed-${generation}`)
      expect(claims(relayTokens().at(-1) ?? "").expiresAt?.getTime()).toBeGreaterThan(Date.now() - 1_000)
    }
    expect(seen.size).toBeGreaterThan(generations)
    eachHasItsOwn()
    events.close()
    shell.close()
    expect(await proxy.stop()).toBe(0)
  },
  Math.max(60_000, tokenSeconds * generations * 5_000),
)
