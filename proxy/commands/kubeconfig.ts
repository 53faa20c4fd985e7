import { join } from "node:path"
import { Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { described } from "../../platform/commandLine.ts"
import { makeLog } from "../../platform/logs.ts"
import { pathsReadOnce } from "../background/tokensReadOnce.ts"
import { clusterLinks, reachAll } from "../clusterLinks.ts"
import { localAuthority } from "../endpoint/localAuthority.ts"
import { unreported } from "../events/report.ts"
import { clientFailureOf, UsageWrong } from "../failures.ts"
import { keepKubeconfig } from "../kubeconfig/placeKubeconfig.ts"
import { variableLine } from "../notices.ts"
import { checkedIdle, pluginOf } from "../plugin/entry.ts"
import { entryEnvironment, withVariables } from "../plugin/entryEnvironment.ts"
import { entryPort, entryPortRange } from "../plugin/entryPort.ts"
import { entryVariables } from "../plugin/entryVariables.ts"
import { atOnce } from "../readiness/Readiness.ts"
import { chooseOrigin } from "../settings/chooseOrigin.ts"
import { entryOptions } from "./entryOptions.ts"
import { attempt, places, say } from "./originOptions.ts"
import { proxyOptions } from "./proxyOptions.ts"
import { givenFlags, settingsOf } from "./settingsFrom.ts"

const options = {
  ...entryOptions,
  acceptNewPin: proxyOptions.acceptNewPin,
  port: Options.integer("port").pipe(
    Options.withPseudoName("PORT"),
    Options.withDescription(`Local port that the entry keeps. Default: one of its own, of ${entryPortRange}.`),
    Options.optional,
  ),
  file: proxyOptions.file,
  merge: Options.boolean("merge").pipe(
    Options.withDescription(
      "Add the context to the kubeconfig that kubectl uses ($KUBECONFIG, else ~/.kube/config), or to --file.",
    ),
  ),
  overwriteExisting: proxyOptions.overwriteExisting,
  kubeContext: proxyOptions.kubeContext,
} as const

/** `clusterconnect kubeconfig CLUSTER`: an entry that stays, whose credential plugin starts a background proxy when kubectl needs it. */
export const kubeconfig = Command.make("kubeconfig", options, (given) =>
  Effect.gen(function* () {
    const { cluster } = given
    const common = { clusters: [cluster], token: Option.none(), output: "text", logFormat: "text" } as const
    const asked = yield* attempt(() => withVariables(givenFlags({ ...given, ...common }), process.env))
    const idleSeconds = yield* attempt(() => checkedIdle(given.idle))
    const wanted = yield* attempt(() => entryVariables(given.variable, process.env))
    const here = yield* attempt(places)
    const { named } = yield* attempt(() => chooseOrigin(asked, entryEnvironment(process.env, wanted), here))
    const command = asked.tokenCommand ?? named?.profile.tokenCommand
    // A desktop's kubectl has another PATH than the shell in which the token command was tried.
    const variables = { ...(command === undefined ? {} : entryVariables(["PATH"], process.env)), ...wanted }
    const environment = entryEnvironment(process.env, variables)
    // By its name: which one is the current one may be another tomorrow.
    const flags = { ...asked, profile: named?.name }
    const once = yield* attempt(() => pathsReadOnce(flags, environment))
    if (once.length > 0)
      return yield* new UsageWrong({
        detail: `kubeconfig: the token in ${once.join(", ")} can be read only now, and the entry stays: name a file, or log in`,
      })
    const settings = yield* settingsOf(flags, undefined, environment)
    const log = makeLog({ program: "kubeconfig", level: given.logLevel })
    const links = yield* clusterLinks(settings, here, log, atOnce, unreported)
    yield* reachAll(links, atOnce)
    const placed = yield* attempt(async () => {
      const { certificatePem } = await localAuthority(join(here.state, "local-authority.pem"), new Date())
      const rules = { idleSeconds, variables }
      const { relay } = settings
      const port = await entryPort({ ...flags, relay }, rules, certificatePem, here)
      const credential = pluginOf(flags, relay, { port, ...rules })
      const name = flags.kubeContext ?? cluster
      return await keepKubeconfig(settings, [{ name, port, authorityPem: certificatePem, credential }], here)
    })
    const where = placed.path === undefined ? "" : ` in ${placed.path}`
    say(`Context '${flags.kubeContext ?? cluster}'${where} stays: kubectl starts a proxy for it when it needs one.`)
    if (!placed.merged && placed.path !== undefined) say(variableLine(placed.path, process.platform))
  }).pipe(Effect.scoped, Effect.mapError(clientFailureOf)),
).pipe(
  Command.withDescription(
    described("Write a kubeconfig entry that stays, and starts a proxy in the background whenever kubectl needs one.", {
      examples: [
        ["clusterconnect kubeconfig edge-1 --merge", "A context of the kubeconfig that kubectl uses anyway."],
        [
          "clusterconnect kubeconfig edge-1 --file edge-1.yaml --idle 3600",
          "A file; the proxy ends after an hour without a connection.",
        ],
      ],
    }),
  ),
)
