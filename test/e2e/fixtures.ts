import { CoreV1Api, KubeConfig } from "@kubernetes/client-node"
import type { Cluster } from "../cluster/Cluster.ts"

/** What the scenarios read, follow and talk to. All of it is made by the cluster's administrator, inside. */

/** Containers that a Pod Security `restricted` namespace admits. */
const pod = (name: string, image: string, script: string, more: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "e2e", labels: { e2e: "fixed", app: name } },
  spec: {
    restartPolicy: "Never",
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    containers: [{ name: "main", image, imagePullPolicy: "Never", command: ["/bin/sh", "-c", script], ...more }],
  },
})

const binding = (name: string, namespace: string, role: string, group: string) => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "RoleBinding",
  metadata: { name, namespace },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
  subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: group }],
})

export const objects = (image: string): readonly object[] => [
  ...["e2e", "e2e-many"].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
  pod("shell", image, "mkdir -p /tmp; sleep 86400"),
  pod("counter", image, 'i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo "line $i"; done'),
  pod("echo", image, 'while read line; do echo "echoed: $line"; done', { stdin: true }),
  pod("web", image, "mkdir -p /www && head -c 3000000 /dev/urandom > /www/data && httpd -f -p 8080 -h /www", {
    ports: [{ containerPort: 8080 }],
  }),
  {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "large", namespace: "e2e" },
    data: { blob: "0123456789abcdefghijklmnopqrstuvwxyz-_.+".repeat(25_000) },
  },
  binding("team-a", "e2e", "edit", "oidc:team-a"),
  binding("team-a", "e2e-many", "edit", "oidc:team-a"),
  binding("team-b", "e2e", "view", "oidc:team-b"),
]

/** Creates the objects and waits until the pods are as the scenarios want them. */
export const prepare = async (cluster: Cluster, image: string): Promise<void> => {
  const list = { apiVersion: "v1", kind: "List", items: objects(image) }
  await cluster.admin(["apply", "--server-side", "-f", "-"], { input: JSON.stringify(list) })
  const pods = ["pod/shell", "pod/echo", "pod/web"]
  await cluster.admin(["wait", "-n", "e2e", "--for=condition=Ready", "--timeout=120s", ...pods])
  await cluster.admin([
    "wait",
    "-n",
    "e2e",
    "--for=jsonpath={.status.phase}=Succeeded",
    "--timeout=120s",
    "pod/counter",
  ])
  await createMany(cluster, 5000)
}

/** As many small ConfigMaps in `e2e-many`, a few at a time over kept connections. */
const createMany = async (cluster: Cluster, count: number): Promise<void> => {
  const config = new KubeConfig()
  config.loadFromFile(cluster.outsideKubeconfig)
  const api = config.makeApiClient(CoreV1Api)
  let next = 0
  const worker = async () => {
    for (let index = next++; index < count; index = next++)
      await api.createNamespacedConfigMap({
        namespace: "e2e-many",
        body: { metadata: { name: `many-${index}` }, data: { n: `${index}` } },
      })
  }
  await Promise.all(Array.from({ length: 16 }, worker))
}
