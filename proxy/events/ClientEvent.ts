import { Schema } from "effect"
import { hops } from "../../protocol/status.ts"

const Text = (description: string) => Schema.String.annotations({ description })
const Whole = (description: string) => Schema.Int.annotations({ description })
const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const cluster = Text("The cluster's name.")
const kubeconfig = optional(
  Text("Path of the kubeconfig. Absent when there is none, or when it went to standard output."),
)
const hop = Schema.Literal(...hops).annotations({ description: "What of the path failed." })
const cause = Text("One word for what happened; the same as in a Status and in logs.")
const message = Text("The same for a person, with what can be done. Not to be parsed.")

const event = <Name extends string, Fields extends Schema.Struct.Fields>(
  name: Name,
  description: string,
  fields: Fields,
) =>
  Schema.Struct({
    event: Schema.Literal(name),
    time: Text("When, RFC 3339 in UTC."),
    ...fields,
  }).annotations({ identifier: name, description })

const Waiting = event(
  "waiting",
  "Of `run`: a cluster cannot be reached yet, and is tried again. Comes once for each such cluster; then it is ready in time, or `failed` says what kept it last.",
  { cluster, seconds: Whole("How long all clusters together are waited for."), hop, cause, message },
)
/** One of them for each cluster, then `ready`. */
const Listening = event("listening", "A cluster's endpoint on this machine is open, and the cluster answered once.", {
  cluster,
  context: Text("Name of its context in the kubeconfig."),
  relay: Text("URL of its relay."),
  host: Text("Address that the endpoint listens on."),
  port: Whole("Port that it listens on."),
  insteadOf: optional(Whole("The port that is taken first, and was not free.")),
  kubeconfig,
})
const Ready = event("ready", "All clusters can be used: the kubeconfig is written.", {
  clusters: Schema.Array(cluster).annotations({
    description: "Their names, in the order in which they were asked for.",
  }),
  kubeconfig,
  merged: Schema.Boolean.annotations({ description: "Whether it is a file of the user's into which ours was merged." }),
  pid: optional(Whole("With `--background`: the process that serves them, after this one has ended.")),
  log: optional(Text("With `--background`: path of its log.")),
})
const Lost = event(
  "lost",
  "A connection to the cluster could not be opened. Requests fail from now on; sessions are held. Comes again only when the cause is another one.",
  { cluster, hop, cause, message },
)
const Regained = event(
  "regained",
  "After `lost`: a connection was opened again. That is tried when a request comes, not before.",
  { cluster },
)
const Stopping = event("stopping", "It was asked to end: endpoints and kubeconfig go now.", {
  clusters: Schema.Array(cluster).annotations({ description: "Clusters that are not served any more." }),
})
const Ended = event("ended", "Of `run`: the command has ended, and with it everything.", {
  exitCode: Whole("Exit code of the command, and of this program."),
})
const Failed = event("failed", "The program ends, because it could not do what it was asked for. The last event.", {
  exitCode: Whole("Exit code of this program (docs/proxy.md)."),
  hop: optional(hop),
  cause: optional(cause),
  message,
})

/** All events, in the order in which a reader meets them. */
export const clientEvents = [Waiting, Listening, Ready, Lost, Regained, Stopping, Ended, Failed] as const

/**
 * What `--output json` writes, one JSON object a line. Later versions add events and fields and take none away: a reader ignores what it
 * does not know. No field ever holds a credential.
 */
export const ClientEvent = Schema.Union(...clientEvents)
export type ClientEvent = typeof ClientEvent.Type

type WithoutTime<E> = E extends { readonly time: string } ? Omit<E, "time"> : never
/** Tells of an event that happens now. Resolves when it is written, or cannot be. */
export type Report = (event: WithoutTime<ClientEvent>) => Promise<void>
