import { SQLiteError } from "bun:sqlite"
import { Options } from "@effect/cli"
import { Effect, type Scope } from "effect"
import type { IssuerEntry } from "../../identity/JwtEntry.ts"
import { type ConfigurationInvalid, loadConfiguration } from "../../platform/configuration.ts"
import type { Actor } from "../admin/Administration.ts"
import { Administration } from "../admin/Administration.ts"
import { RelayConfiguration } from "../configuration/RelayConfiguration.ts"
import { Registry } from "../enrolment/Registry.ts"
import type { RelayRefusal } from "../refusals.ts"
import { type DatabaseUnusable, databaseFailure } from "../store/database.ts"
import { type RegistrationEntry, RegistrationFile } from "../store/RegistrationEntry.ts"
import { openStore, type Store } from "../store/Store.ts"

export const config = Options.text("config").pipe(
  Options.withPseudoName("PATH"),
  Options.withDescription(
    "The relay's configuration file: it says where the database is. The relay may be running or not.",
  ),
)

export interface Opened {
  readonly store: Store
  readonly registry: Registry
  readonly administration: Administration
  readonly actor: Actor
  readonly issuers: readonly IssuerEntry[]
  readonly publicUrl: string
  readonly database: string
}

/** What a command on the relay's host works with; closed with the scope. */
const openFrom = (file: string): Effect.Effect<Opened, ConfigurationInvalid | DatabaseUnusable, Scope.Scope> =>
  Effect.gen(function* () {
    const { value } = yield* loadConfiguration(file, RelayConfiguration)
    const fromFile: readonly RegistrationEntry[] =
      value.clustersFile === undefined
        ? []
        : (yield* loadConfiguration(value.clustersFile, RegistrationFile)).value.clusters
    const store = yield* Effect.acquireRelease(
      Effect.try({ try: () => openStore(value.database), catch: (error) => error as DatabaseUnusable }),
      (opened) => Effect.sync(() => opened.close()),
    )
    const now = () => new Date()
    const actor: Actor = {
      by: "command",
      user: process.env.SUDO_USER ?? process.env.USER ?? String(process.getuid?.() ?? ""),
    }
    const clusters = [...value.clusters, ...fromFile]
    const registry = new Registry({
      store,
      publicUrl: value.publicUrl,
      configured: () => clusters,
      now,
      onChange: () => {},
    })
    const { issuers, publicUrl, database } = value
    const administration = new Administration(store, now, actor)
    return { store, registry, administration, actor, issuers, publicUrl, database }
  })

/** Runs `body` on the database, and prints and returns what it returns: text as it is, anything else as JSON, one value, on stdout. */
export const onDatabase = <A>(file: string, body: (opened: Opened) => A) =>
  Effect.gen(function* () {
    const opened = yield* openFrom(file)
    const result = yield* Effect.try({
      try: () => body(opened),
      catch: (error) =>
        error instanceof SQLiteError ? databaseFailure(opened.database, error) : (error as RelayRefusal & Error),
    })
    if (result === undefined) return result
    const text = typeof result === "string" ? result : JSON.stringify(result, null, 2)
    yield* Effect.sync(() => void process.stdout.write(`${text}\n`))
    return result
  }).pipe(Effect.scoped)
