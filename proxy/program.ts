import { Command } from "@effect/cli"
import { described } from "../platform/commandLine.ts"
import { clusters } from "./commands/clusters.ts"
import { completion } from "./commands/completion.ts"
import { credential } from "./commands/credential.ts"
import { doctor } from "./commands/doctor.ts"
import { kubeconfig } from "./commands/kubeconfig.ts"
import { login } from "./commands/login.ts"
import { logout } from "./commands/logout.ts"
import { proxy } from "./commands/proxy.ts"
import { run } from "./commands/run.ts"
import { status } from "./commands/status.ts"
import { stop } from "./commands/stop.ts"
import { version } from "./commands/version.ts"

/** The command line of `clusterconnect`; `child` is what stands behind `--`, for `run`. */
export const program = (child: readonly string[] | undefined) =>
  Command.make("clusterconnect").pipe(
    Command.withDescription(
      described("Reach the API servers of clusters that have no inbound port, as yourself.", {
        examples: [
          [
            "clusterconnect login --relay https://relay.example.com --issuer https://id.example.com --client-id clusterconnect edge-1",
            "Once: remember where your clusters are, and log in for this one.",
          ],
          ["clusterconnect clusters list", "Which clusters you may connect to."],
          ["clusterconnect proxy edge-1", "Serve one on this machine, until Ctrl+C."],
          ["clusterconnect run edge-1 -- kubectl get pods", "Serve it for one command, as in CI."],
          ["clusterconnect doctor edge-1", "Find out what is wrong with the way to it."],
        ],
      }),
    ),
    Command.withSubcommands([
      proxy,
      status,
      stop,
      run(child),
      kubeconfig,
      credential,
      login,
      logout,
      clusters,
      doctor,
      version,
      completion,
    ]),
  )
