import { readFileSync } from "node:fs"
import { Args, Command } from "@effect/cli"
import { Data, Effect, Either, Schema } from "effect"
import { described } from "../../platform/commandLine.ts"
import { decodeConfiguration } from "../../platform/configuration.ts"
import { pinOf } from "../../protocol/keys.ts"
import { exportRegistrations, importRegistrations } from "../admin/transfer.ts"
import { clusterView } from "../admin/views.ts"
import { maxImportBytes } from "../configuration/limits.ts"
import { KeyUnknown, RequestInvalid } from "../refusals.ts"
import { RegistrationFile } from "../store/RegistrationEntry.ts"
import { cluster, identityKey } from "./arguments.ts"
import { config, type Opened, onDatabase } from "./onDatabase.ts"

/** The rest was imported. */
class EntriesRefused extends Data.TaggedError("EntriesRefused")<{ readonly names: readonly string[] }> {
  override get message() {
    return `refused, for the reasons above: ${this.names.join(", ")}`
  }
}

const onCluster = (name: string, description: string, body: (opened: Opened, cluster: string) => unknown) =>
  Command.make(name, { cluster, config }, ({ cluster: given, config: file }) =>
    onDatabase(file, (opened) => body(opened, given)),
  ).pipe(Command.withDescription(description))

const list = Command.make("list", { config }, ({ config: file }) =>
  onDatabase(file, ({ store, registry }) => ({
    clusters: registry.names().map((name) => clusterView(name, store, registry)),
  })),
).pipe(Command.withDescription("Print all clusters."))

const addKey = Command.make("add-key", { cluster, key: identityKey, config }, ({ cluster: given, key, config: file }) =>
  onDatabase(file, ({ administration }) => administration.listKey(given, key)),
).pipe(
  Command.withDescription(
    described("List a public identity key, a JWK or an SPKI in base64url: the cluster that holds it needs no token.", {
      examples: [
        [
          'clusterconnect-relay cluster add-key edge-1 "$(cat edge-1.jwk)" --config /etc/clusterconnect/relay.yaml',
          "The file holds what the cluster's .status.identityKey shows; nothing about it is secret.",
        ],
      ],
    }),
  ),
)

const removeKey = Command.make(
  "remove-key",
  {
    cluster,
    pin: Args.text({ name: "PIN" }).pipe(Args.withDescription("sha256:… of the key, as `cluster show` prints it.")),
    config,
  },
  ({ cluster: name, pin, config: file }) =>
    onDatabase(file, ({ administration, store }) => {
      const key = store.clusters.listedKeys(name).find((one) => pinOf(one) === pin)
      if (key === undefined) throw new KeyUnknown()
      administration.unlistKey(name, key)
    }),
).pipe(Command.withDescription("Take a listed key back, by its pin."))

const exportAll = Command.make("export", { config }, ({ config: file }) =>
  onDatabase(file, ({ store }) => Schema.encodeSync(RegistrationFile)(exportRegistrations(store))),
).pipe(
  Command.withDescription(
    described("Print all registrations: public data, for `cluster import` or the configuration's clustersFile.", {
      examples: [
        ["clusterconnect-relay cluster export --config /etc/clusterconnect/relay.yaml", "To standard output."],
      ],
    }),
  ),
)

const importAll = Command.make(
  "import",
  {
    file: Args.text({ name: "FILE" }).pipe(
      Args.withDescription("What `cluster export` or `clusterconnect clusters export` wrote."),
    ),
    config,
  },
  ({ file, config: configuration }) =>
    onDatabase(configuration, ({ store, publicUrl, actor }) => {
      const text = readFileSync(file === "-" ? 0 : file, "utf8")
      if (Buffer.byteLength(text) > maxImportBytes)
        throw new RequestInvalid({ detail: `more than ${maxImportBytes} bytes` })
      const decoded = decodeConfiguration(RegistrationFile, text, file)
      if (Either.isLeft(decoded)) throw decoded.left
      return importRegistrations(store, decoded.right.value, { publicUrl, now: new Date(), actor })
    }).pipe(
      Effect.filterOrFail(
        ({ refused }) => refused.length === 0,
        ({ refused }) => new EntriesRefused({ names: refused.map(({ name }) => name) }),
      ),
    ),
).pipe(
  Command.withDescription(
    described(
      "Add the registrations of a file (- is stdin); none is replaced by another identity. Exits 1 when one was refused.",
      {
        examples: [
          [
            "clusterconnect-relay cluster import clusters.json --config /etc/clusterconnect/relay.yaml",
            "A file that `cluster export` wrote, here or at a relay with another URL.",
          ],
        ],
      },
    ),
  ),
)

export const clusterCommand = Command.make("cluster").pipe(
  Command.withDescription("Registrations of clusters."),
  Command.withSubcommands([
    list,
    onCluster("show", "Print one cluster.", ({ store, registry }, name) => clusterView(name, store, registry)),
    addKey,
    removeKey,
    onCluster(
      "revoke",
      "Cut everything of the cluster within 5 s and admit it no more.",
      ({ administration, registry }, name) => administration.revokeCluster(name, registry.isKnown(name)),
    ),
    onCluster("restore", "Admit a revoked cluster again.", ({ administration }, name) =>
      administration.restoreCluster(name),
    ),
    onCluster("deregister", "Forget the cluster and its listed keys.", ({ administration }, name) =>
      administration.deregister(name),
    ),
    exportAll,
    importAll,
  ]),
)
