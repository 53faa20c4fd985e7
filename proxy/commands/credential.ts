import { join } from "node:path"
import { Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { described } from "../../platform/commandLine.ts"
import { BackgroundFailed } from "../background/outcomes.ts"
import { localAuthority } from "../endpoint/localAuthority.ts"
import { clientFailureOf } from "../failures.ts"
import { checkedIdle } from "../plugin/entry.ts"
import { entryVariables } from "../plugin/entryVariables.ts"
import { checkExecInfo, credentialWord, execCredential } from "../plugin/execInfo.ts"
import { giveCredential } from "../plugin/giveCredential.ts"
import { checkedClusterName } from "../settings/checkedClusterName.ts"
import { entryOptions } from "./entryOptions.ts"
import { attempt, places, writeOut } from "./originOptions.ts"
import { givenFlags } from "./settingsFrom.ts"

const options = {
  ...entryOptions,
  port: Options.integer("port").pipe(
    Options.withPseudoName("PORT"),
    Options.withDescription("Local port of the kubeconfig's entry."),
  ),
} as const

/** A client that keeps its credential asks again after at most so long: the proxy may have been stopped. */
const longestSeconds = 300

/** The exec credential plugin (client.authentication.k8s.io/v1) of entries that `kubeconfig` wrote. Not for people. */
export const credential = Command.make(credentialWord, options, (given) =>
  Effect.gen(function* () {
    const { logLevel: level } = given
    const cluster = yield* attempt(() => checkedClusterName(given.cluster))
    const idleSeconds = yield* attempt(() => checkedIdle(given.idle))
    const variables = yield* attempt(() => entryVariables(given.variable, {}))
    const rules = { port: given.port, idleSeconds, variables }
    const flags = givenFlags({
      ...given,
      ...{ clusters: [cluster], token: Option.none(), acceptNewPin: false, port: Option.some(given.port) },
      ...{ output: "text", logFormat: "text" },
    })
    const here = yield* attempt(places)
    yield* attempt(async () => {
      const { certificatePem } = await localAuthority(join(here.state, "local-authority.pem"), new Date())
      checkExecInfo(process.env.KUBERNETES_EXEC_INFO, given.port, certificatePem)
    })
    const token = yield* Effect.tryPromise({
      try: (signal) => giveCredential({ cluster, flags, rules, level }, here, { signal }),
      catch: (error) => (error instanceof BackgroundFailed ? error : clientFailureOf(error)),
    })
    const goodSeconds = idleSeconds === 0 ? longestSeconds : Math.min(longestSeconds, idleSeconds / 2)
    yield* attempt(() => writeOut(execCredential(token, new Date(Date.now() + goodSeconds * 1_000))))
  }),
).pipe(
  Command.withDescription(
    described("What kubectl runs for entries that `clusterconnect kubeconfig` wrote; not for people.", {}),
  ),
)
