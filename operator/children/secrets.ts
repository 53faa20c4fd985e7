import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import type { ChildrenInput } from "./ChildrenInput.ts"
import { childMetadata } from "./childMetadata.ts"

/** Key of the agent's Secret, there only where the spec has a `caBundle`. */
export const relayCaFile = "relay-ca.crt"

/** What agents prove themselves with. Keys are the files that `tunnel --dir` reads. */
export const agentSecret = (input: ChildrenInput): KubernetesObject => {
  const { sessionKeyPem, signedDocument } = input.credentials
  const { caBundle } = input.resource.spec.relay
  return {
    ...secret,
    metadata: childMetadata(input, "agent", "agent"),
    data: encoded({
      "session.key": sessionKeyPem,
      document: `${signedDocument}\n`,
      ...(caBundle === undefined ? {} : { [relayCaFile]: caBundle }),
    }),
  }
}

/** The serving certificate. Keys are the files that `auth-proxy --dir` reads. */
export const authProxySecret = (input: ChildrenInput): KubernetesObject => {
  const { certificatePem, keyPem } = input.credentials.leaf
  return {
    ...secret,
    metadata: childMetadata(input, "auth-proxy", "auth-proxy"),
    data: encoded({ "serving.crt": certificatePem, "serving.key": keyPem }),
  }
}

const secret = { apiVersion: "v1", kind: "Secret", type: "Opaque" } as const

const encoded = (files: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(files).map(([name, text]) => [name, Buffer.from(text, "utf8").toString("base64")]))
