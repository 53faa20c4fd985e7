import { homedir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import type { Directories } from "../directories.ts"
import { LocalFailure } from "../failures.ts"
import type { ProxySettings } from "../settings/ProxySettings.ts"
import { askToReplace } from "./askToReplace.ts"
import { KubeconfigFile } from "./KubeconfigFile.ts"
import { type KubeconfigEntry, kubeconfig, type Plugin } from "./kubeconfig.ts"
import { kubeconfigPlaces, passingIn } from "./kubeconfigPlaces.ts"
import { MergedKubeconfig } from "./MergedKubeconfig.ts"

/** Where the kubeconfig is, while the scope lives. */
export interface PlacedKubeconfig {
  /** Undefined when it went to standard output. */
  readonly path: string | undefined
  /** Whether it is a file of the user's, into which our entries were merged. */
  readonly merged: boolean
}

type Wishes = Pick<ProxySettings, "file" | "merge" | "overwriteExisting">

/** Writes the kubeconfig of sessions where it was asked for; what was written goes when the scope closes. `locks` as for {@link KubeconfigFile}. Fails with a ClientFailure. */
export const placeKubeconfig = (
  wishes: Wishes,
  entries: readonly KubeconfigEntry<string>[],
  places: Directories,
  print: (text: string) => Promise<void> = writeOut,
  locks: string = locksOf(places),
): Effect.Effect<PlacedKubeconfig, unknown, Scope.Scope> =>
  wishes.merge ? merged(wishes, entries, places) : written(wishes.file, entries, places, print, locks)

const writeOut = (text: string) =>
  new Promise<void>((resolve, reject) =>
    process.stdout.write(text, (error) =>
      error ? reject(new LocalFailure({ detail: `standard output cannot be written: ${error.message}` })) : resolve(),
    ),
  )

const locksOf = ({ state }: Directories) => join(state, "locks")
const ownFolder = ({ state }: Directories) => join(state, "kubeconfig")

const attempt = <A>(body: () => Promise<A>) => Effect.tryPromise({ try: body, catch: (error) => error })

/** Writes the kubeconfig of entries that stay. @throws {LocalFailure} */
export const keepKubeconfig = async (
  wishes: Wishes,
  entries: readonly KubeconfigEntry<Plugin>[],
  places: Directories,
): Promise<PlacedKubeconfig> => {
  const { file } = wishes
  if (wishes.merge) return { path: (await merge(wishes, entries, places)).path, merged: true }
  const text = kubeconfig(entries)
  if (file === "-") {
    await writeOut(text)
    return { path: undefined, merged: false }
  }
  const [entry] = entries
  if (entry === undefined) throw new TypeError("a kubeconfig has an entry")
  const own = join(ownFolder(places), `${entry.name}-${entry.port}.yaml`)
  const { credential } = entry
  const kept = await (file === undefined
    ? KubeconfigFile.own(own, text, credential, locksOf(places))
    : KubeconfigFile.at(file, text, credential, locksOf(places)))
  return { path: kept.path, merged: false }
}

const merge = ({ file, overwriteExisting }: Wishes, entries: readonly KubeconfigEntry[], places: Directories) =>
  MergedKubeconfig.merge({
    places:
      file === undefined
        ? kubeconfigPlaces(process.env, homedir(), { isPassing: passingIn(ownFolder(places)) })
        : { target: file, others: [] },
    entries,
    current: true,
    mayReplace: overwriteExisting ? async () => true : askToReplace(process.stdin, process.stderr),
    locks: locksOf(places),
  })

const leaving = (one: KubeconfigFile | MergedKubeconfig) =>
  Effect.promise(() =>
    one.remove().catch((error: Error) => {
      process.stderr.write(`clusterconnect: our entries stay in ${one.path}: ${error.message}\n`)
    }),
  )

const merged = (wishes: Wishes, entries: readonly KubeconfigEntry[], places: Directories) =>
  Effect.acquireRelease(
    attempt(() => merge(wishes, entries, places)),
    leaving,
  ).pipe(Effect.map(({ path }) => ({ path, merged: true })))

const written = (
  file: string | undefined,
  entries: readonly KubeconfigEntry<string>[],
  places: Directories,
  print: (text: string) => Promise<void>,
  locks: string,
) =>
  Effect.gen(function* () {
    const text = kubeconfig(entries)
    if (file === "-") {
      yield* attempt(() => print(text))
      return { path: undefined, merged: false }
    }
    const credential = entries[0]?.credential ?? ""
    const own = join(ownFolder(places), fileName(entries))
    const write = attempt(() =>
      file === undefined
        ? KubeconfigFile.own(own, text, credential, locks)
        : KubeconfigFile.at(file, text, credential, locks),
    )
    const kept = yield* Effect.acquireRelease(write, leaving)
    return { path: kept.path, merged: false }
  })

/** Ports are exclusive, so two running proxies never share a file. */
const fileName = (entries: readonly KubeconfigEntry[]) => {
  const more = entries.length > 1 ? `-and-${entries.length - 1}-more` : ""
  return `${entries[0]?.name}${more}-${entries[0]?.port}.yaml`
}
