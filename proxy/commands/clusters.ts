import { Args, Command, Options } from "@effect/cli"
import { Option } from "effect"
import { described } from "../../platform/commandLine.ts"
import { defaultJoinTokenSeconds, maxJoinTokenSeconds } from "../../protocol/enrolment.ts"
import { path } from "../../protocol/names.ts"
import { ListedClusters } from "../completion/ListedClusters.ts"
import { printableJson } from "../printable.ts"
import { callRelay } from "../relay/callRelay.ts"
import { ClusterList, decodedAnswer, NewJoinToken } from "../relay/relayAnswers.ts"
import { access, admin, common, jsonFile } from "./clusterAdministration.ts"
import { exported, imported } from "./clusterTransfer.ts"
import { attempt, outputOption, places, say, writeOut } from "./originOptions.ts"

const name = Args.text({ name: "CLUSTER" }).pipe(Args.withDescription("Name of a cluster as its relay knows it."))
const ofCluster = (cluster: string, what = "") => `${admin}/clusters/${encodeURIComponent(cluster)}${what}`

const list = Command.make("list", { ...common, output: outputOption() }, (options) =>
  attempt(async () => {
    const at = await access(options)
    const { relay } = at.settings
    const { clusters } = decodedAnswer(relay, ClusterList, await callRelay(at, path.clusters))
    const names = clusters.map(({ clusterName }) => clusterName)
    // For completion alone: a list that cannot be remembered is a list all the same.
    await new ListedClusters(places()).remember(relay, names).catch(() => {})
    if (options.output === "json") return await writeOut(`${JSON.stringify(clusters)}\n`)
    const width = Math.max(4, ...names.map(({ length }) => length)) + 3
    const lines = clusters.map(
      ({ clusterName, agentSessions }) =>
        `${clusterName.padEnd(width)}${agentSessions > 0 ? "connected" : "not connected"}`,
    )
    await writeOut([`${"NAME".padEnd(width)}AGENT`, ...lines, ""].join("\n"))
  }),
).pipe(
  Command.withDescription(
    described("The clusters that you may connect to.", {
      examples: [["clusterconnect clusters list --output json", "As a JSON list."]],
    }),
  ),
)

const tokenOptions = {
  cluster: name,
  ...common,
  expiresInSeconds: Options.integer("expires-in-seconds").pipe(
    Options.withPseudoName("SECONDS"),
    Options.withDescription(
      `How long the join token is good, at most ${maxJoinTokenSeconds}. Default: ${defaultJoinTokenSeconds}.`,
    ),
    Options.filterMap(
      (seconds) => (seconds >= 1 && seconds <= maxJoinTokenSeconds ? Option.some(seconds) : Option.none()),
      `--expires-in-seconds: expected 1 to ${maxJoinTokenSeconds}`,
    ),
    Options.optional,
  ),
  output: outputOption(),
}

const joinToken = async (
  options: Command.Command.ParseConfig<typeof tokenOptions>,
  replace: boolean,
): Promise<{ readonly token: string; readonly expiresAt: string; readonly relay: string }> => {
  const at = await access(options)
  const expiresInSeconds = Option.getOrUndefined(options.expiresInSeconds)
  const body = { replace, ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }) }
  const answer = await callRelay(at, ofCluster(options.cluster, "/token"), { method: "POST", body })
  const { relay } = at.settings
  return { ...decodedAnswer(relay, NewJoinToken, answer), relay }
}

/** The token is what was asked for, in whichever form. */
const writeToken = (
  { cluster, output }: { readonly cluster: string; readonly output: "text" | "json" },
  made: Awaited<ReturnType<typeof joinToken>>,
) => writeOut(output === "json" ? `${printableJson({ cluster, ...made })}\n` : `${made.token}\n`)

const create = Command.make(
  "create",
  {
    ...tokenOptions,
    cluster: Args.text({ name: "NAME" }).pipe(Args.withDescription("What the cluster shall be called at its relay.")),
    key: Options.text("key").pipe(
      Options.withPseudoName("PATH"),
      Options.withDescription(
        "File with the cluster's public identity key (.status.identityKey, a JWK): then no join token is needed. - is standard input.",
      ),
      Options.optional,
    ),
  },
  (options) =>
    attempt(async () => {
      if (Option.isSome(options.key)) {
        const identityKey = await jsonFile(options.key.value)
        await callRelay(await access(options), ofCluster(options.cluster, "/keys"), {
          method: "POST",
          body: { identityKey },
        })
        return say(`The key of cluster ${options.cluster} is listed: its agent joins by itself`)
      }
      const made = await joinToken(options, false)
      const { expiresAt, relay } = made
      say(`Join token of cluster ${options.cluster} at ${relay}, good once, until ${expiresAt}.`)
      say("Put it into the Secret that spec.relay.joinTokenSecretRef names, or give it to")
      say(`  clusterconnect-agent init --cluster ${options.cluster} --relay ${relay} --join-token-file FILE --dir DIR`)
      await writeToken(options, made)
    }),
).pipe(
  Command.withDescription(
    described("Let a new cluster join: prints a join token, or lists its public key.", {
      examples: [
        [
          "clusterconnect clusters create edge-1 --expires-in-seconds 600",
          "Print a join token that is good for ten minutes.",
        ],
        [
          "clusterconnect clusters create edge-1 --key edge-1.jwk",
          "List the public key that the cluster's .status.identityKey shows: no secret is needed.",
        ],
      ],
    }),
  ),
)

const token = Command.make(
  "token",
  {
    ...tokenOptions,
    replace: Options.boolean("replace").pipe(
      Options.withDescription("A rebuilt cluster may take the name with another identity key."),
    ),
  },
  (options) =>
    attempt(async () => {
      const made = await joinToken(options, options.replace)
      say(`Good once, until ${made.expiresAt}`)
      await writeToken(options, made)
    }),
).pipe(
  Command.withDescription(
    described("Print a new join token.", {
      examples: [
        ["clusterconnect clusters token edge-1 --replace", "For a cluster that was built anew under its old name."],
      ],
    }),
  ),
)

const revoke = Command.make(
  "revoke",
  { cluster: name, ...common, restore: Options.boolean("restore").pipe(Options.withDescription("Admit it again.")) },
  (options) =>
    attempt(async () => {
      const verb = options.restore ? "restore" : "revoke"
      await callRelay(await access(options), ofCluster(options.cluster, `/${verb}`), { method: "POST" })
      say(options.restore ? `Cluster ${options.cluster} is admitted again` : `Cluster ${options.cluster} is cut off`)
    }),
).pipe(
  Command.withDescription(
    described("Cut a cluster's sessions within 5 s and admit it no more.", {
      examples: [
        ["clusterconnect clusters revoke edge-1", "Cut it off."],
        ["clusterconnect clusters revoke edge-1 --restore", "Admit it again."],
      ],
    }),
  ),
)

/** `clusterconnect clusters`: what the relay knows, and its administration for callers whose role allows it. */
export const clusters = Command.make("clusters").pipe(
  Command.withDescription(
    described("List clusters; create, revoke, export and import them with the role for it.", {
      examples: [
        ["clusterconnect clusters list", "Those that you may connect to, and whether their agents are connected."],
      ],
    }),
  ),
  Command.withSubcommands([list, create, token, revoke, exported, imported]),
)
