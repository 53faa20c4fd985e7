import { readFileSync } from "node:fs"
import { Args, Command } from "@effect/cli"
import { Either, Schema } from "effect"
import { described } from "../../platform/commandLine.ts"
import { decodeConfiguration } from "../../platform/configuration.ts"
import { pinOf, type Spki } from "../../protocol/keys.ts"
import { exportRegistrations, importRegistrations } from "../admin/transfer.ts"
import { clusterView } from "../admin/views.ts"
import { maxImportBytes } from "../configuration/limits.ts"
import { KeyUnknown, RequestInvalid } from "../refusals.ts"
import { ClusterName, IdentityKey, RegistrationFile } from "../store/RegistrationEntry.ts"
import { config, type Opened, onDatabase } from "./onDatabase.ts"

const cluster = Args.text({ name: "CLUSTER" }).pipe(Args.withDescription("Name of the cluster."))
const named = (name: string): string => {
  if (Schema.is(ClusterName)(name)) return name
  throw new RequestInvalid({ detail: "expected a cluster name: lower-case letters, digits, inner hyphens" })
}

const onCluster = (name: string, description: string, body: (opened: Opened, cluster: string) => unknown) =>
  Command.make(name, { cluster, config }, ({ cluster: given, config: file }) =>
    onDatabase(file, (opened) => body(opened, named(given))),
  ).pipe(Command.withDescription(description))

const list = Command.make("list", { config }, ({ config: file }) =>
  onDatabase(file, ({ store, registry }) => ({
    clusters: registry.names().map((name) => clusterView(name, store, registry)),
  })),
).pipe(Command.withDescription("Print all clusters."))

const addKey = Command.make(
  "add-key",
  { cluster, key: Args.text({ name: "KEY" }).pipe(Args.withDescription("The key itself, as one word.")), config },
  ({ cluster: given, key, config: file }) =>
    onDatabase(file, ({ administration }) => administration.listKey(named(given), identityKey(key))),
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
  ({ cluster: given, pin, config: file }) =>
    onDatabase(file, ({ administration, store }) => {
      const name = named(given)
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
    }),
).pipe(
  Command.withDescription(
    described("Add the registrations of a file (- is stdin); none is replaced by another identity.", {
      examples: [
        [
          "clusterconnect-relay cluster import clusters.json --config /etc/clusterconnect/relay.yaml",
          "A file that `cluster export` wrote.",
        ],
      ],
    }),
  ),
)

const identityKey = (text: string): Spki => {
  const given = text.startsWith("{") ? parsed(text) : text
  const decoded = Schema.decodeUnknownEither(IdentityKey)(given)
  if (Either.isRight(decoded)) return decoded.right
  throw new RequestInvalid({
    detail: "expected a public Ed25519 JWK, or the base64url of an Ed25519 SubjectPublicKeyInfo",
  })
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

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
