import { join } from "node:path"

/** A program that one `go build` makes. */
export interface Program {
  readonly name: string
  readonly package: string
  /** What it took on two cores with its module's sources there and nothing compiled, in this order: for progress lines. */
  readonly secondsElsewhere: number
  /** Beyond the module's own environment. */
  readonly environment?: Readonly<Record<string, string>>
  readonly tags?: readonly string[]
}

/** A go.mod of ours with `tool` directives and no Go source. Each stays alone: one graph for all changes versions and rebuilds everything. */
export interface GoModule {
  readonly name: string
  readonly directory: string
  readonly ldflags: string
  readonly programs: readonly Program[]
}

/** Major and minor of the Kubernetes that is built; kubectl may differ by one minor version. */
export const KUBERNETES_VERSION = "1.37.2"

const STRIPPED = "-s -w"
const VERSION_PACKAGE = "k8s.io/component-base/version"

export const kubernetesModule: GoModule = {
  name: "kubernetes",
  directory: join(import.meta.dir, "../modules/kubernetes"),
  ldflags: [
    STRIPPED,
    `-X ${VERSION_PACKAGE}.gitVersion=v${KUBERNETES_VERSION}`,
    `-X ${VERSION_PACKAGE}.gitMajor=1`,
    `-X ${VERSION_PACKAGE}.gitMinor=37`,
  ].join(" "),
  programs: [
    { name: "etcd", package: "go.etcd.io/etcd/server/v3", secondsElsewhere: 33 },
    { name: "kube-apiserver", package: "k8s.io/kubernetes/cmd/kube-apiserver", secondsElsewhere: 186 },
    { name: "kubectl", package: "k8s.io/kubernetes/cmd/kubectl", secondsElsewhere: 16 },
    { name: "kube-controller-manager", package: "k8s.io/kubernetes/cmd/kube-controller-manager", secondsElsewhere: 65 },
    { name: "kubelet", package: "k8s.io/kubernetes/cmd/kubelet", secondsElsewhere: 17 },
    { name: "kube-scheduler", package: "k8s.io/kubernetes/cmd/kube-scheduler", secondsElsewhere: 6 },
    { name: "kube-proxy", package: "k8s.io/kubernetes/cmd/kube-proxy", secondsElsewhere: 8 },
  ],
}

const CONTAINERD = "github.com/containerd/containerd/v2/cmd"
/** Snapshotters that would need headers of libraries or kernels that nobody here uses. */
const CONTAINERD_TAGS = ["no_btrfs", "no_zfs", "no_devmapper", "no_aufs"]
const CNI = "github.com/containernetworking/plugins/plugins"

export const nodeModule: GoModule = {
  name: "node",
  directory: join(import.meta.dir, "../modules/node"),
  ldflags: STRIPPED,
  programs: [
    { name: "containerd", package: `${CONTAINERD}/containerd`, secondsElsewhere: 58, tags: CONTAINERD_TAGS },
    {
      name: "containerd-shim-runc-v2",
      package: `${CONTAINERD}/containerd-shim-runc-v2`,
      secondsElsewhere: 1,
      tags: CONTAINERD_TAGS,
    },
    { name: "ctr", package: `${CONTAINERD}/ctr`, secondsElsewhere: 5, tags: CONTAINERD_TAGS },
    {
      name: "runc",
      package: "github.com/opencontainers/runc",
      secondsElsewhere: 12,
      // Its first stage is C, and without seccomp the kubelet's default profile lets no pod start.
      environment: { CGO_ENABLED: "1" },
      tags: ["seccomp"],
    },
    { name: "ptp", package: `${CNI}/main/ptp`, secondsElsewhere: 1 },
    { name: "host-local", package: `${CNI}/ipam/host-local`, secondsElsewhere: 1 },
    { name: "loopback", package: `${CNI}/main/loopback`, secondsElsewhere: 1 },
    { name: "portmap", package: `${CNI}/meta/portmap`, secondsElsewhere: 1 },
  ],
}

export const corednsModule: GoModule = {
  name: "coredns",
  directory: join(import.meta.dir, "../modules/coredns"),
  ldflags: STRIPPED,
  programs: [{ name: "coredns", package: "github.com/coredns/coredns", secondsElsewhere: 52 }],
}

/** A registry to push to and pull from, and what pushes. */
export const registryModule: GoModule = {
  name: "registry",
  directory: join(import.meta.dir, "../modules/registry"),
  ldflags: STRIPPED,
  programs: [{ name: "crane", package: "github.com/google/go-containerregistry/cmd/crane", secondsElsewhere: 3 }],
}

export const helmModule: GoModule = {
  name: "helm",
  directory: join(import.meta.dir, "../modules/helm"),
  ldflags: `${STRIPPED} -X helm.sh/helm/v4/internal/version.version=v4.3.1`,
  programs: [{ name: "helm", package: "helm.sh/helm/v4/cmd/helm", secondsElsewhere: 103 }],
}

export const fluxModule: GoModule = {
  name: "flux",
  directory: join(import.meta.dir, "../modules/flux"),
  ldflags: STRIPPED,
  programs: [
    { name: "source-controller", package: "github.com/fluxcd/source-controller", secondsElsewhere: 144 },
    { name: "kustomize-controller", package: "github.com/fluxcd/kustomize-controller", secondsElsewhere: 57 },
  ],
}
