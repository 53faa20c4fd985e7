import { expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { Effect } from "effect"
import { writeFileAtomic } from "../../platform/files.ts"
import { logLayer } from "../../platform/logs.ts"
import { exposition } from "../../platform/metrics.ts"
import { jwkOf } from "../../protocol/keys.ts"
import { newMaterial } from "../../protocol/material.ts"
import { type FollowedConfiguration, followConfiguration } from "./followConfiguration.ts"

const inlineKey = { kty: "OKP", crv: "Ed25519", kid: "k", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }

const text = (level: number) =>
  JSON.stringify({
    publicUrl: "https://relay.example.com",
    listen: "127.0.0.1:0",
    database: "/tmp/unused.db",
    issuers: [
      {
        name: "main",
        issuer: {
          url: "https://issuer.example.com",
          audiences: ["clusterconnect:relay.example.com"],
          jwks: { keys: [inlineKey] },
        },
      },
    ],
    policy: [],
    limits: { streamsPerCaller: level },
  })

test("a defect while a changed configuration is built leaves the last good one in force, and the next change is seen", async () => {
  const directory = mkdtempSync(join(tmpdir(), "clusterconnect-follow-"))
  const path = join(directory, "config.json")
  let defective = 0
  let defect = false
  const { promise: failed, resolve: hasFailed } = Promise.withResolvers<void>()
  const environment = Object.defineProperty({}, "HTTPS_PROXY", {
    get: () => {
      if (!defect) return undefined
      defective += 1
      hasFailed()
      throw new Error("a defect of ours")
    },
  })
  const body = Effect.gen(function* () {
    const followed = yield* followConfiguration(path, environment)
    const limit = () => followed.settings().limits.streamsPerCaller
    expect(limit()).toBe(1)
    const { promise: changed, resolve: hasChanged } = Promise.withResolvers<void>()
    yield* followed.onChange(() => hasChanged())
    defect = true
    yield* Effect.promise(() => writeFileAtomic(path, text(2)))
    yield* Effect.promise(() => failed)
    expect([defective > 0, limit()]).toEqual([true, 1])
    defect = false
    yield* Effect.promise(() => writeFileAtomic(path, text(3)))
    yield* Effect.promise(() => changed)
    expect(limit()).toBe(3)
  })
  try {
    writeFileSync(path, text(1))
    await Effect.runPromise(Effect.scoped(body))
  } finally {
    rmSync(directory, { recursive: true })
  }
}, 20_000)

const served = (publicUrl: string, more: object = {}) =>
  JSON.stringify({
    publicUrl,
    listen: "127.0.0.1:0",
    database: "/tmp/unused.db",
    issuers: [{ name: "main", issuer: { url: "https://issuer.example.com", jwks: { keys: [inlineKey] } } }],
    policy: [],
    ...more,
  })

const following = async (
  text: string,
  body: (
    followed: FollowedConfiguration,
    write: (text: string) => Effect.Effect<void>,
    path: string,
  ) => Effect.Effect<void>,
) => {
  const directory = mkdtempSync(join(tmpdir(), "clusterconnect-follow-"))
  const path = join(directory, "config.json")
  const lines: string[] = []
  try {
    writeFileSync(path, text)
    await Effect.runPromise(
      Effect.flatMap(followConfiguration(path, {}), (followed) =>
        body(followed, (next) => Effect.promise(() => writeFileAtomic(path, next)), path),
      ).pipe(Effect.scoped, Effect.provide(logLayer({ program: "test", write: (line) => void lines.push(line) }))),
    )
  } finally {
    rmSync(directory, { recursive: true })
  }
  return lines
}

const changedOnce = (followed: FollowedConfiguration) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  return Effect.as(
    followed.onChange(resolve),
    Effect.promise(() => promise),
  )
}

test("a new publicUrl, which takes a restart, leaves the audience of tokens as it is until then", async () => {
  const lines = await following(served("https://relay.example.com"), (followed, write) =>
    Effect.gen(function* () {
      const changed = yield* changedOnce(followed)
      yield* write(served("https://new.example.com", { limits: { streamsPerCaller: 3 } }))
      yield* changed
      expect(followed.settings().limits.streamsPerCaller).toBe(3)
      expect(followed.settings().issuers[0]?.issuer.audiences).toEqual(["clusterconnect:relay.example.com"])
    }),
  )
  expect(lines.join()).toContain("these changes take effect at the next start")
})

test.each([
  ["a policy of an issuer that is not there", { policy: [{ issuer: "nobody", clusters: ["*"], role: "connect" }] }],
  ["an issuer without a name", { issuers: [{ name: "", issuer: { url: "https://issuer.example.com" } }] }],
])("a configuration that is refused for %s is nowhere said to be in force", async (_, more) => {
  const good = "https://relay.example.com"
  const lines = await following(served(good), (followed, write, path) =>
    Effect.gen(function* () {
      const hash = followed.hash()
      yield* write(served(good, more))
      yield* Effect.promise(async () => {
        while (!exposition().includes(`clusterconnect_configuration_current{file="${path}"} 0`))
          await new Promise((resolve) => setImmediate(resolve))
      })
      expect(followed.hash()).toBe(hash)
      const changed = yield* changedOnce(followed)
      yield* write(served(good, { limits: { streamsPerCaller: 3 } }))
      yield* changed
      expect(followed.hash()).not.toBe(hash)
      expect(exposition()).toContain(`clusterconnect_configuration_current{file="${path}"} 1`)
    }),
  )
  expect(lines.filter((line) => line.includes("configuration refused"))).toHaveLength(1)
  expect(lines.filter((line) => line.includes("configuration reloaded"))).toHaveLength(1)
})

test("a clusters file with a document that is another relay's is refused, and only that file is out of force", async () => {
  const { signedDocument, document } = await newMaterial({
    cluster: "edge-1",
    relayUrl: "https://other.example.com",
    audiences: {},
    rootDays: 1,
    leafDays: 1,
    now: new Date(),
  })
  const clusters = join(mkdtempSync(join(tmpdir(), "clusterconnect-listed-")), "clusters.json")
  const listing = (entry: object) =>
    JSON.stringify({ clusters: [{ name: "edge-1", identityKey: jwkOf(document.identityKey), ...entry }] })
  writeFileSync(clusters, listing({}))
  const lines = await following(served("https://relay.example.com", { clustersFile: clusters }), (followed, _, path) =>
    Effect.promise(async () => {
      expect(followed.settings().clusters).toHaveLength(1)
      await writeFileAtomic(clusters, listing({ document: signedDocument }))
      while (!exposition().includes(`clusterconnect_configuration_current{file="${clusters}"} 0`))
        await new Promise((resolve) => setImmediate(resolve))
      expect(exposition()).toContain(`clusterconnect_configuration_current{file="${path}"} 1`)
      expect(followed.settings().clusters[0]?.document).toBeUndefined()
    }),
  )
  expect(lines.filter((line) => line.includes("configuration refused")).join()).toContain(clusters)
  rmSync(dirname(clusters), { recursive: true })
}, 20_000)
