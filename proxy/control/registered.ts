import { homedir } from "node:os"
import { Effect, type Scope } from "effect"
import type { Log } from "../../platform/logs.ts"
import { version } from "../../platform/version.ts"
import { directories } from "../directories.ts"
import { clientFailureOf } from "../failures.ts"
import type { Serving } from "../serveClusters.ts"
import { ControlServer } from "./ControlServer.ts"
import type { ProxyStatus } from "./controlMessages.ts"
import { runningFolder } from "./controlPlace.ts"
import { endThisProgram } from "./endThisProgram.ts"

/** What is said of a proxy from its start on. */
export interface About extends Pick<ProxyStatus, "relay" | "background" | "log" | "entry"> {}

export interface Registration {
  /** What the proxy serves from now on, while the scope lives. */
  readonly serves: (serving: Serving) => Effect.Effect<void, never, Scope.Scope>
  /** When a kubeconfig's plugin was last given a credential. */
  readonly askedAt: () => number
}

/**
 * Makes this process known to `status`, `stop` and the kubeconfig's plugin until the scope closes: acquired before everything else,
 * so that it is there until all else is gone. A background proxy that nobody could find fails with a LocalFailure; another one goes on.
 */
export const registered = (about: About, log: Log): Effect.Effect<Registration, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const startedAt = new Date().toISOString()
    let phase: ProxyStatus["phase"] = "starting"
    let serving: Serving | undefined
    let askedAt = performance.now()
    const status = (): ProxyStatus => ({
      ...{ pid: process.pid, version, phase, startedAt, ...about },
      ...(serving?.kubeconfig.path === undefined ? {} : { kubeconfig: serving.kubeconfig.path }),
      clusters: (serving?.served ?? []).map(({ link, entry, port }) => ({
        ...{ cluster: link.cluster, context: entry.name, port },
        path: link.path(),
      })),
    })
    const credential = (cluster: string) => {
      askedAt = performance.now()
      if (phase !== "serving") return undefined
      return serving?.served.find(({ link }) => link.cluster === cluster)?.entry.credential
    }
    const stop = () => {
      log.info("ended by `clusterconnect stop`")
      endThisProgram()
    }
    yield* Effect.acquireRelease(
      Effect.tryPromise({
        try: () => {
          const places = directories({ platform: process.platform, home: homedir(), environment: process.env })
          return ControlServer.listen(runningFolder(places), { status, credential, stop }, about.entry)
        },
        catch: (error) => error,
      }),
      (server) => Effect.promise(() => server.close()),
    ).pipe(
      Effect.catchIf(
        () => !about.background,
        (error) =>
          Effect.sync(() =>
            log.warn(
              `\`clusterconnect status\` and \`stop\` will not find this proxy: ${clientFailureOf(error).message}`,
            ),
          ),
      ),
    )
    return {
      askedAt: () => askedAt,
      serves: (now) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            serving = now
            phase = "serving"
          }),
          () =>
            Effect.sync(() => {
              phase = "ending"
            }),
        ),
    }
  })
