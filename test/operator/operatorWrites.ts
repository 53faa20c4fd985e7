import { readFileSync } from "node:fs"
import { operatorName } from "../../deploy/manifests/names.ts"
import type { OperatorWorld } from "./OperatorWorld.ts"

const reads = ["get", "list", "watch"]

/** Where the API server says which pod a service account's token was made for. */
const podName = "authentication.kubernetes.io/pod-name"

export interface OperatorWrite {
  readonly pod: string
  /** `verb resource name` */
  readonly what: string
}

/** What the operator's account has written so far, by the API server's audit log, its own Lease aside, and from which pod. */
export const writesOfPods = ({ cluster, namespace }: OperatorWorld): readonly OperatorWrite[] => {
  const username = `system:serviceaccount:${namespace}:${operatorName}`
  return readFileSync(cluster.auditLog!, "utf8")
    .split("\n")
    .filter((line) => line.includes(username))
    .map((line) => JSON.parse(line))
    .filter(({ user, stage }) => user.username === username && stage === "ResponseComplete")
    .filter(({ verb, objectRef }) => !reads.includes(verb) && objectRef.resource !== "leases")
    .map(({ user, verb, objectRef }) => ({
      pod: user.extra[podName][0],
      what: `${verb} ${objectRef.resource} ${objectRef.name ?? ""}`,
    }))
}

/** The same without the pods. */
export const operatorWrites = (world: OperatorWorld): readonly string[] => writesOfPods(world).map(({ what }) => what)
