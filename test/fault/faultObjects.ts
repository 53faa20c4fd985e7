import type { Cluster } from "../cluster/Cluster.ts"
import { BUSYBOX_IMAGE } from "../cluster/image/testImages.ts"

export const namespace = "fault"
/** What the user is in; its members may do anything in the namespace. */
export const group = "survivors"

/** Counts, and answers every line: what stands still, repeats, is lost or comes out of order shows. */
export const talkScript =
  '(i=0; while :; do i=$((i+1)); echo "count $i"; sleep 0.2; done) & while read line; do echo "echo $line"; done; kill $!'

const pod = (name: string, script: string, more: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace },
  spec: {
    restartPolicy: "Never",
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    containers: [
      { name: "main", image: BUSYBOX_IMAGE, imagePullPolicy: "Never", command: ["/bin/sh", "-c", script], ...more },
    ],
  },
})

const objects = (megabytes: number): readonly object[] => [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
  pod("shell", "sleep 86400"),
  pod("talker-websocket", talkScript, { stdin: true }),
  pod("talker-spdy", talkScript, { stdin: true }),
  pod("counter", 'i=0; while :; do i=$((i+1)); echo "count $i"; sleep 0.2; done'),
  pod("files", `mkdir -p /www && head -c ${megabytes}000000 /dev/urandom > /www/data && httpd -f -p 8080 -h /www`),
  {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "ticker", namespace, labels: { app: "ticker" } },
    data: { n: "0" },
  },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: "survivors", namespace },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "admin" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: `oidc:${group}` }],
  },
]

/** Creates all of it and waits for the pods. Resolves with the SHA-256 of the file in pod `files`. */
export const prepareObjects = async (cluster: Cluster, megabytes: number): Promise<string> => {
  const list = { apiVersion: "v1", kind: "List", items: objects(megabytes) }
  await cluster.admin(["apply", "--server-side", "-f", "-"], { input: JSON.stringify(list) })
  await cluster.admin(["wait", "-n", namespace, "--for=condition=Ready", "--timeout=120s", "pod", "--all"])
  const summed = await cluster.admin([
    ...["exec", "-n", namespace, "files", "--", "sh", "-c"],
    `while [ "$(stat -c %s /www/data)" != ${megabytes}000000 ]; do sleep 1; done; sha256sum /www/data`,
  ])
  return summed.split(" ")[0] ?? ""
}
