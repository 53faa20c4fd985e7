import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import type { ChildrenInput } from "./ChildrenInput.ts"
import { type Component, childMetadata } from "./childMetadata.ts"
import { childLabels, childName, selectorLabels } from "./childNames.ts"
import { proxyAnnotations, proxyEnvironment } from "./httpProxy.ts"
import { imageName, pullPolicy } from "./image.ts"

/** The spec's number of pods when it was last applied: whatever scales the Deployment keeps its word until the spec says another. */
export const replicasAnnotation = "clusterconnect.dev/replicas"

/** uid and gid of the image's user. */
const nonRoot = 65_532
/** Owner and group may read; the group is the pod's `fsGroup`. */
export const secretMode = 0o440

/** What distinguishes agent and auth proxy. */
export interface Program {
  readonly component: Component
  readonly command: readonly string[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly healthPort: number
  readonly mountsToken: boolean
  readonly terminationGracePeriodSeconds: number
  /** What of the spec the program reads only when it begins, beside its arguments: pods of another are replaced. */
  readonly podAnnotations?: Readonly<Record<string, string>>
  /** Volumes by name, each with its source and where it is mounted, read-only. */
  readonly volumes: readonly { readonly name: string; readonly mountPath: string; readonly source: object }[]
}

/**
 * Pods under Pod Security `restricted`, with a read-only root. What the API server would fill in is written out: then an object
 * read back equals the one that was sent, and anything else in it is foreign.
 */
export const deployment = (input: ChildrenInput, program: Program): KubernetesObject => {
  const { resource, operatorImage } = input
  const { component } = program
  const { replicas, resources, nodeSelector, tolerations, affinity, logLevel } = workloadOf(input, component)
  const { spec } = resource
  const image = imageName(spec.image, operatorImage)
  const pullSecrets = spec.image?.pullSecrets ?? []
  const account = childName(resource.name, component)
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      ...childMetadata(input, component, component),
      annotations: { [replicasAnnotation]: String(replicas) },
    },
    spec: {
      replicas,
      revisionHistoryLimit: 3,
      progressDeadlineSeconds: 600,
      selector: { matchLabels: selectorLabels(resource.name, component) },
      // Never fewer than wanted: a session or stream moves when its new place is there.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: {
          labels: childLabels(resource.name, component),
          ...annotated({ ...proxyAnnotations(input), ...program.podAnnotations }),
        },
        spec: {
          serviceAccountName: account,
          serviceAccount: account,
          automountServiceAccountToken: program.mountsToken,
          enableServiceLinks: false,
          restartPolicy: "Always",
          dnsPolicy: "ClusterFirst",
          schedulerName: "default-scheduler",
          terminationGracePeriodSeconds: program.terminationGracePeriodSeconds,
          // Not as process 1, for which the kernel drops SIGTERM until the program takes it: a pod that is sent away while it starts would stay its whole grace.
          shareProcessNamespace: true,
          securityContext: { ...identity, fsGroup: nonRoot },
          ...(pullSecrets.length === 0 ? {} : { imagePullSecrets: pullSecrets }),
          nodeSelector: { ...linux, ...nodeSelector },
          ...filled({ tolerations, affinity }),
          ...(affinity === undefined ? { topologySpreadConstraints: spread(resource.name, component) } : {}),
          containers: [
            {
              name: component,
              image,
              imagePullPolicy: pullPolicy(spec.image, image),
              command: [...program.command, ...(logLevel === undefined ? [] : flags({ "log-level": logLevel }))],
              env: [podAddress, ...proxyEnvironment(input)],
              ports: program.ports.map((port) => ({ ...port, protocol: "TCP" })),
              resources: filled(resources),
              ...probes(program.healthPort),
              terminationMessagePath: "/dev/termination-log",
              terminationMessagePolicy: "FallbackToLogsOnError",
              securityContext: {
                ...identity,
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ["ALL"] },
              },
              volumeMounts: program.volumes.map(({ name, mountPath }) => ({ name, mountPath, readOnly: true })),
            },
          ],
          volumes: program.volumes.map(({ name, source }) => ({ name, ...source })),
        },
      },
    },
  }
}

/** `--FLAG VALUE` for each, as arguments of a program. */
export const flags = (values: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(values).flatMap(([flag, value]) => [`--${flag}`, value])

/** For listeners on all of a pod's own address: `[$(POD_ADDRESS)]:PORT` holds for IPv4 and IPv6. */
const podAddress = { name: "POD_ADDRESS", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "status.podIP" } } }
export const podListen = (port: number): string => `[$(POD_ADDRESS)]:${port}`

const workloadOf = ({ resource }: ChildrenInput, component: Component) =>
  component === "agent" ? resource.spec.agent : resource.spec.authProxy

/** The image has programs for no other system. */
const linux = { "kubernetes.io/os": "linux" }

const identity = {
  runAsNonRoot: true,
  runAsUser: nonRoot,
  runAsGroup: nonRoot,
  seccompProfile: { type: "RuntimeDefault" },
}

const annotated = (annotations: Readonly<Record<string, string>>) =>
  Object.keys(annotations).length === 0 ? {} : { annotations }

/** Without what is absent or empty: the API server keeps neither. */
const filled = (fields: Readonly<Record<string, object | undefined>>): Readonly<Record<string, object>> =>
  Object.fromEntries(
    Object.entries(fields).filter((field): field is [string, object] => Object.keys(field[1] ?? {}).length > 0),
  )

/** Over nodes and zones, as far as there are some; pods of an older template do not count. */
const spread = (resource: string, component: Component) =>
  ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: selectorLabels(resource, component) },
    matchLabelKeys: ["pod-template-hash"],
  }))

/** A minute to start on a slow node; a minute of silence before a restart cuts what the program carries. */
const probes = (port: number) => {
  const probe = (path: string, periodSeconds: number, failureThreshold: number) => ({
    httpGet: { path, port, scheme: "HTTP" },
    periodSeconds,
    failureThreshold,
    successThreshold: 1,
    // The programs give up a check of their own after 5 s.
    timeoutSeconds: 5,
  })
  return {
    startupProbe: probe("/livez", 1, 60),
    livenessProbe: probe("/livez", 10, 6),
    readinessProbe: probe("/readyz", 5, 2),
  }
}
