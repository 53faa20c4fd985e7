import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { BunRuntime } from "@effect/platform-bun"
import { Effect } from "effect"
import { commandWords } from "../../deploy/commandWords.ts"
import { serveAdmin } from "./admin.ts"
import { type IdentityProviderOptions, startIdentityProvider } from "./IdentityProvider.ts"

const usage = `usage: bun test/idp/main.ts [--listen HOST:PORT] [--name NAME]... [--config FILE] [--dir DIR]

Runs the test identity provider until SIGTERM or SIGINT. Prints one JSON line when it is ready:
{"issuer", "caFile", "adminSocket", "clientId"}; mint, rotate and shift the clock through the socket (test/idp/admin.ts).
--config is JSON: {"accounts": {SUBJECT: CLAIMS}, "workloads": {CLIENT: {"secret", "claims"}}}.`

const { values } = commandWords(usage, {
  options: {
    listen: { type: "string", default: "127.0.0.1:0" },
    name: { type: "string", multiple: true, default: [] },
    config: { type: "string" },
    dir: { type: "string" },
  },
})

/** Only a directory of our own making is removed at the end. */
const directory = Effect.acquireRelease(
  Effect.promise(() =>
    values.dir === undefined
      ? mkdtemp(join(tmpdir(), "clusterconnect-idp-"))
      : mkdir(values.dir, { recursive: true }).then(() => resolve(values.dir ?? ".")),
  ),
  (path) => (values.dir === undefined ? Effect.promise(() => rm(path, { recursive: true, force: true })) : Effect.void),
)

const program = Effect.gen(function* () {
  const dir = yield* directory
  const colon = values.listen.lastIndexOf(":")
  const config = values.config === undefined ? {} : yield* Effect.promise(() => Bun.file(values.config ?? "").json())
  const provider = yield* Effect.acquireRelease(
    Effect.promise(() =>
      startIdentityProvider({
        ...(config as IdentityProviderOptions),
        listenHost: values.listen.slice(0, colon).replace(/^\[|\]$/g, ""),
        port: Number(values.listen.slice(colon + 1)),
        names: values.name,
      }),
    ),
    (running) => Effect.promise(() => running.stop()),
  )
  const caFile = join(dir, "idp-ca.crt")
  const adminSocket = join(dir, "idp-admin.sock")
  yield* Effect.promise(() => writeFile(caFile, provider.caPem))
  yield* Effect.acquireRelease(
    Effect.promise(() => rm(adminSocket, { force: true }).then(() => serveAdmin(provider, adminSocket))),
    (server) =>
      Effect.promise(() => {
        server.close()
        server.closeAllConnections()
        return rm(adminSocket, { force: true })
      }),
  )
  process.stdout.write(
    `${JSON.stringify({ issuer: provider.issuer, caFile, adminSocket, clientId: "clusterconnect" })}\n`,
  )
  return yield* Effect.never
})

BunRuntime.runMain(Effect.scoped(program))
