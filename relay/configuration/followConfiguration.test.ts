import { expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { writeFileAtomic } from "../../platform/files.ts"
import { followConfiguration } from "./followConfiguration.ts"

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
          jwks: { keys: [{ kty: "OKP", crv: "Ed25519", kid: "k", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] },
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
