import { BUSYBOX_IMAGE } from "../cluster/image/testImages.ts"
import { prepareCluster } from "../cluster/startCluster.ts"
import type { User } from "../world/User.ts"
import { type OperatorWorld, startOperatorWorld } from "./OperatorWorld.ts"

/** The operator by install.yaml, the resource `edge` with all its pods, and alice, who may edit in `work`. */
export const startConnected = async (
  stack: AsyncDisposableStack,
  onProgress: (line: string) => void,
): Promise<{ readonly world: OperatorWorld; readonly alice: User }> => {
  await prepareCluster({ level: "node", closed: true, auditLog: true, onProgress })
  const world = await startOperatorWorld(stack, onProgress)
  await world.install()
  await world.connect({ name: "edge", clusterName: "edge-1" })
  await workplace(world)
  await world.complete("edge")
  return { world, alice: await world.user("alice", ["team-a"], "edge") }
}

/** Where users work: a namespace with a pod, in which the group team-a may edit. */
const workplace = async (world: OperatorWorld): Promise<void> => {
  const command = ["sh", "-c", "echo started; exec sleep 86400"]
  await world.apply([
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "work" } },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: "team-a", namespace: "work" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "edit" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "oidc:team-a" }],
    },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "shell", namespace: "work" },
      spec: {
        terminationGracePeriodSeconds: 0,
        automountServiceAccountToken: false,
        containers: [{ name: "main", image: BUSYBOX_IMAGE, imagePullPolicy: "Never", command }],
      },
    },
  ])
  await world.cluster.admin(["wait", "-n", "work", "pod/shell", "--for=condition=Ready", "--timeout=60s"])
}
