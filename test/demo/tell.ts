import { BUSYBOX_IMAGE } from "../cluster/image/testImages.ts"
import { dial } from "../cluster/provider/probeInbound.ts"
import type { User, World } from "../world/World.ts"
import { demoObjects } from "./demoObjects.ts"

const bold = (text: string) => (process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text)
const step = (title: string, text: string) => console.log(`\n${bold(title)}\n${text}`)

/** Runs kubectl as a person would, and shows command and answer. */
const show = async (user: User, ...args: readonly string[]): Promise<void> => {
  console.log(`\n$ kubectl ${args.map((arg) => (/[\s;"]/.test(arg) ? `'${arg}'` : arg)).join(" ")}`)
  const answer = await user.kubectl.run(args)
  process.stdout.write(answer.stdout + answer.stderr)
  if (answer.code !== 0) throw new Error(`kubectl ended with ${answer.code}`)
}

/** Tells what the whole product is on this world, step by step, and leaves Alice there with her proxy. */
export const tell = async (world: World, seconds: () => string): Promise<User> => {
  const { cluster, relayUrl } = world
  await cluster.admin(["apply", "--server-side", "-f", "-"], { input: JSON.stringify(demoObjects(BUSYBOX_IMAGE)) })
  await cluster.admin(["wait", "-n", "shop", "--for=condition=Ready", "--timeout=120s", "pod/web"])

  step(
    `1. A cluster that nobody can dial into (${seconds()})`,
    `A real Kubernetes with real pods, in a network namespace of its own. Its firewall drops every new connection from outside:
  dial ${cluster.api.host}:${cluster.api.port} from here: ${await dial(cluster.api.host, cluster.api.port)}; packets dropped so far: ${await cluster.droppedPackets()}`,
  )
  step(
    "2. What runs where",
    `  outside  identity provider  ${world.identityProvider.issuer}
  outside  relay              ${relayUrl} (pid ${world.relay.pid})
  inside   agent              pid ${world.agent.pid}: dialled out to the relay, listens for nobody outside
  inside   auth proxy         pid ${world.authProxy.pid}: checks tokens, impersonates as ${world.authProxyAccount}
  The cluster's identity key was made inside and never left: ${world.pin}`,
  )

  const alice = await world.user("alice", ["team-a"])
  step(
    `3. Alice logs in and starts her proxy (${seconds()})`,
    `  outside  clusterconnect proxy ${world.clusterName}  pid ${alice.proxy.pid}, on loopback only
  It holds Alice's own token, knows the cluster by its pinned key, and wrote a kubeconfig that points at itself.
  Everything below is plain kubectl with that kubeconfig: kubectl -> proxy -> relay -> agent -> auth proxy -> API server.`,
  )
  await show(alice, "auth", "whoami")
  await show(alice, "get", "pods", "-n", "shop", "-o", "wide")
  await show(alice, "logs", "web", "-n", "shop", "--tail=3")
  await show(alice, "exec", "web", "-n", "shop", "--", "sh", "-c", "echo hello from $(hostname), kernel $(uname -r)")

  step(`4. RBAC decides as the caller`, "Alice's group may edit the namespace shop, and nothing else:")
  const refused = await alice.kubectl.run(["get", "secrets", "-n", "kube-system"])
  console.log(`\n$ kubectl get secrets -n kube-system\n${refused.stderr.trim()}`)

  step(
    "5. The relay saw ciphertext",
    `All of this passed through the relay: ${(world.recorder.recordedBytes() / 1000).toFixed(0)} kB, recorded behind its TLS by the demo. In it:
${["shop", "web is starting", "hello from", "/api/v1", world.clusterTokens()[0] ?? ""]
  .map(
    (text) =>
      `  ${(text.length > 40 ? "Alice's token for the cluster" : `"${text}"`).padEnd(32)} ${world.recorder.saw(text) ? "FOUND" : "not there"}`,
  )
  .join("\n")}
What the relay does know: who (Alice's token for the relay) reached which cluster ("${world.clusterName}": ${world.recorder.saw(world.clusterName) ? "there" : "not there"}), and when.`,
  )
  return alice
}

/** How to use what is there from another terminal. */
export const tellHowToUse = ({ cluster }: World, alice: User): void =>
  console.log(`
Everything stays up until you press Ctrl-C. In another terminal:

  export KUBECONFIG=${alice.kubeconfig}
  ${cluster.kubectl} get pods -n shop
  ${cluster.kubectl} exec -it web -n shop -- sh
`)
