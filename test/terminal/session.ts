import { publicClientId } from "../idp/IdentityProvider.ts"
import { visit } from "../idp/visit.ts"
import type { World } from "../world/World.ts"
import { type Machine, prepareMachine } from "./machine.ts"
import { prompt, Shell } from "./Shell.ts"

/** The prompt of the shell in the pod, and its question where the cursor is. */
const inPod = /# (\u001b\[(6n|J))?$/

/** A piece of the session: what a reader is told, and what is on a terminal. */
export interface Scene {
  readonly title: string
  readonly told: string
  readonly screens: readonly string[]
}

/** Logs in, uses every main command as a person does, and logs out. */
export const session = async (
  world: World,
  onProgress: (line: string) => void,
): Promise<readonly [Machine, readonly Scene[]]> => {
  const { clusterName, identityProvider, relayUrl } = world
  const authorities = `${await Bun.file(world.caFile).text()}\n${identityProvider.caPem}`
  const machine = prepareMachine(world, authorities)
  await using first = new Shell(machine.home, machine.environment)
  await using second = new Shell(machine.home, machine.environment)
  await Promise.all([first.ready(), second.ready()])
  const scenes: Scene[] = []
  const scene = async (title: string, told: string, act: () => Promise<void>, ...shells: readonly Shell[]) => {
    onProgress(title)
    await act()
    scenes.push({ title, told, screens: shells.map((shell) => shell.take()) })
  }

  await scene(
    "Log in",
    "Once per relay. The code is confirmed in a browser on any device; relay, identity provider and the company's own authority are remembered as a profile.",
    async () => {
      const words = ["login", "--relay", relayUrl, "--issuer", identityProvider.issuer, "--client-id", publicClientId]
      const shown = await first.type(
        `clusterconnect ${[...words, "--ca-file", "company-ca.crt", "--device-code", clusterName].join(" ")}`,
        /open (https:\S+)[\s\S]*confirm the code/,
      )
      await visit(shown[1] ?? "", identityProvider.caPem)
      await first.press("", prompt)
    },
    first,
  )
  await scene("Look around", "", () => first.command("clusterconnect clusters list"), first)
  await scene(
    "Serve a cluster",
    "The first time, its identity is compared with `.status.identityPin` of the ClusterConnect resource. Then it is remembered.",
    async () => {
      await first.type(`clusterconnect proxy ${clusterName}`, /yes\/no/)
      await first.type("yes", /Press Ctrl\+C to close proxy\./)
    },
    first,
  )
  const kubeconfig = /kubeconfig at (\S+)/.exec(scenes.at(-1)?.screens[0] ?? "")?.[1]
  await scene(
    "Use kubectl",
    "In another terminal. kubectl is the ordinary one; the API server sees alice, and RBAC decides.",
    async () => {
      await second.command(`export KUBECONFIG=${kubeconfig}`)
      await second.command("kubectl auth whoami")
      await second.command("kubectl get pods -n shop")
      await second.command("kubectl logs web -n shop")
      await second.command("kubectl exec web -n shop -- sh -c 'echo hello from $(hostname)'")
      await second.type("kubectl exec -it web -n shop -- sh", inPod)
      await second.type("hostname", /web[\s\S]*# \S*$/)
      await second.type("exit", prompt)
      await second.command("kubectl get secrets -n kube-system")
    },
    second,
  )
  await scene(
    "Close it",
    "Ctrl-C in the first terminal. The kubeconfig goes with it, as the second one shows.",
    async () => {
      await first.press("\u0003", prompt)
      await second.command("ls $KUBECONFIG")
    },
    first,
    second,
  )
  await scene(
    "Serve in the background",
    "For as long as it is needed, in no terminal.",
    async () => {
      await first.command(`clusterconnect proxy ${clusterName} --background`)
      await first.command("clusterconnect status")
      await first.command(`clusterconnect stop ${clusterName}`)
    },
    first,
  )
  await scene(
    "Keep an entry",
    "A context that stays in the kubeconfig of kubectl and holds no secret: kubectl starts the proxy when it needs one.",
    async () => {
      await first.command(`clusterconnect kubeconfig ${clusterName} --merge`)
      await first.command(`kubectl --context ${clusterName} get pods -n shop`)
      await first.command("clusterconnect status")
      await first.command(`clusterconnect stop ${clusterName}`)
    },
    first,
  )
  await scene(
    "Run one command, as in a script or a CI job",
    "A kubeconfig for as long as the command runs, and its exit code.",
    async () => {
      await first.command(`clusterconnect run ${clusterName} -- kubectl get pods -n shop`)
      await first.command(`clusterconnect run ${clusterName} -- sh -c 'exit 7'; echo $?`)
    },
    first,
  )
  await scene("See that all is well", "", () => first.command(`clusterconnect doctor ${clusterName}`), first)
  await scene(
    "See what is wrong",
    "The agent was stopped meanwhile. A script waits as long as it may; nothing runs before its clusters are there.",
    async () => {
      await world.agent.stop()
      await first.command(`clusterconnect run --wait-timeout 5 ${clusterName} -- kubectl get pods -n shop; echo $?`)
      await first.command(`clusterconnect doctor ${clusterName}`)
      await world.restartAgent("SIGTERM")
    },
    first,
  )
  await scene("Log out", "", () => first.command("clusterconnect logout"), first)
  return [machine, scenes]
}
