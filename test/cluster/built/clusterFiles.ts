import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  type CertificateAuthority,
  type CertificateRequest,
  createAuthority,
  createSigningKeyPair,
} from "../credentials/CertificateAuthority.ts"
import { kubeconfig } from "../credentials/kubeconfig.ts"
import type { Instance } from "../instance/createInstance.ts"

/** kube-apiserver takes the first address of this range for the Service `kubernetes`. */
export const SERVICE_RANGE = "10.96.0.0/16"
export const KUBERNETES_SERVICE_ADDRESS = "10.96.0.1"
export const NODE_NAME = "node-1"
export const API_PORT = 6443

/** Who holds which rights: the names and groups are Kubernetes' own (RBAC default bindings, Node authorizer). */
const IDENTITIES = {
  admin: { commonName: "clusterconnect-test-admin", organizations: ["system:masters"] },
  "controller-manager": { commonName: "system:kube-controller-manager" },
  scheduler: { commonName: "system:kube-scheduler" },
  kubelet: { commonName: `system:node:${NODE_NAME}`, organizations: ["system:nodes"] },
  proxy: { commonName: "system:kube-proxy" },
  // CoreDNS only lists and watches; the controller account that has exactly this is not worth a binding here.
  coredns: { commonName: "coredns", organizations: ["system:masters"] },
} as const satisfies Record<string, CertificateRequest>

export type IdentityName = keyof typeof IDENTITIES

/** The files of an instance, below its directory. */
export interface ClusterFiles {
  readonly caPem: string
  readonly path: (name: string) => string
  /** Path of the kubeconfig of an identity, for use inside. */
  readonly kubeconfig: (identity: IdentityName) => string
  /** Writes an admin kubeconfig with another server URL. */
  readonly writeAdminKubeconfig: (name: string, server: string) => string
}

/** Makes the authority and everything that it signs. Private keys are 0600. */
export async function writeClusterFiles(instance: Instance): Promise<ClusterFiles> {
  const path = (name: string) => join(instance.directory, name)
  mkdirSync(path("pki"), { mode: 0o700 })
  const write = (name: string, text: string) => writeFileSync(path(name), text, { mode: 0o600 })
  const authority = await createAuthority("clusterconnect-test")
  write("pki/ca.crt", authority.certificatePem)
  const signing = await createSigningKeyPair()
  write("pki/service-account.pub", signing.publicPem)
  write("pki/service-account.key", signing.privatePem)
  for (const [name, request] of servers(instance)) await writePair(authority, write, name, request)

  const server = `https://${instance.range.inside}:${API_PORT}`
  const credentials = new Map<IdentityName, string>()
  for (const [identity, request] of Object.entries(IDENTITIES) as [IdentityName, CertificateRequest][]) {
    const credential = await authority.issue(request)
    const text = (to: string) => kubeconfig({ server: to, caPem: authority.certificatePem, user: identity, credential })
    write(`${identity}.kubeconfig`, text(server))
    credentials.set(identity, text(PLACEHOLDER))
  }
  return {
    caPem: authority.certificatePem,
    path,
    kubeconfig: (identity) => path(`${identity}.kubeconfig`),
    writeAdminKubeconfig: (name, to) => {
      write(name, credentials.get("admin")!.replace(PLACEHOLDER, to))
      return path(name)
    },
  }
}

const PLACEHOLDER = "https://server.invalid"

function servers(instance: Instance): readonly (readonly [string, CertificateRequest])[] {
  const inside = instance.range.inside
  const kubernetes = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
  return [
    [
      "apiserver",
      {
        commonName: "kube-apiserver",
        servedAs: [
          ...kubernetes,
          "kubernetes.default.svc.cluster.local",
          "localhost",
          "127.0.0.1",
          inside,
          KUBERNETES_SERVICE_ADDRESS,
        ],
      },
    ],
    ["apiserver-kubelet-client", { commonName: "kube-apiserver-kubelet-client", organizations: ["system:masters"] }],
    [
      "kubelet",
      { commonName: `system:node:${NODE_NAME}`, organizations: ["system:nodes"], servedAs: [NODE_NAME, inside] },
    ],
  ]
}

async function writePair(
  authority: CertificateAuthority,
  write: (name: string, text: string) => void,
  name: string,
  request: CertificateRequest,
): Promise<void> {
  const { certificatePem, keyPem } = await authority.issue(request)
  write(`pki/${name}.crt`, certificatePem)
  write(`pki/${name}.key`, keyPem)
}
