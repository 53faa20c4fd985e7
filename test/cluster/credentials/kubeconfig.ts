import type { Credential } from "./CertificateAuthority.ts"

/** Text of a kubeconfig (v1, JSON is YAML) with one context, everything inline. */
export function kubeconfig(options: {
  readonly server: string
  readonly caPem: string
  readonly user: string
  readonly credential: Credential
}): string {
  const { server, caPem, user, credential } = options
  const name = "clusterconnect-test"
  return `${JSON.stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      "current-context": name,
      contexts: [{ name, context: { cluster: name, user } }],
      clusters: [{ name, cluster: { server, "certificate-authority-data": base64(caPem) } }],
      users: [
        {
          name: user,
          user: {
            "client-certificate-data": base64(credential.certificatePem),
            "client-key-data": base64(credential.keyPem),
          },
        },
      ],
    },
    null,
    2,
  )}\n`
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64")
}
