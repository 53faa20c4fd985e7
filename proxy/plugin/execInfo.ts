import { Either, Schema } from "effect"
import { loopback } from "../endpoint/LocalEndpoint.ts"
import { LocalFailure, UsageWrong } from "../failures.ts"

/** The command that kubectl runs for a credential. */
export const credentialWord = "credential"

/** client.authentication.k8s.io/v1 ExecCredential, as far as it is used: kubectl gives it in KUBERNETES_EXEC_INFO. */
const ExecInfo = Schema.Struct({
  apiVersion: Schema.String,
  spec: Schema.Struct({
    cluster: Schema.Struct({
      ...{ server: Schema.String, "certificate-authority-data": Schema.String },
      "insecure-skip-tls-verify": Schema.optional(Schema.Unknown),
      ...{ "tls-server-name": Schema.optional(Schema.Unknown), "proxy-url": Schema.optional(Schema.Unknown) },
    }),
  }),
})
const decode = Schema.decodeUnknownEither(Schema.parseJson(ExecInfo))

/** With these a client would send the credential another way, or to whoever answers there. We never write them. */
const neverOurs = ["insecure-skip-tls-verify", "tls-server-name", "proxy-url"] as const

export const execApiVersion = "client.authentication.k8s.io/v1"

/**
 * A credential is only for our own endpoint: checks that whoever asks would send it there, over TLS that nobody else can answer.
 * @throws {UsageWrong} or {@link LocalFailure}
 */
export const checkExecInfo = (text: string | undefined, port: number, authorityPem: string): void => {
  const info = Either.getOrUndefined(decode(text ?? ""))
  if (info === undefined || info.apiVersion !== execApiVersion)
    throw new UsageWrong({
      detail: `${credentialWord} is run by kubectl, for a kubeconfig that \`clusterconnect kubeconfig\` wrote`,
    })
  const { server, "certificate-authority-data": authority } = info.spec.cluster
  const again = "write it again with `clusterconnect kubeconfig`"
  const added = neverOurs.find((name) => info.spec.cluster[name])
  if (added !== undefined)
    throw new LocalFailure({
      detail: `the kubeconfig's cluster has ${added}, which would lead the credential astray: ${again}`,
    })
  if (server !== `https://${loopback}:${port}`)
    throw new LocalFailure({ detail: `the kubeconfig's server is not ${loopback}:${port}: ${again}` })
  if (Buffer.from(authority, "base64").toString("utf8").trim() !== authorityPem.trim())
    throw new LocalFailure({ detail: `the kubeconfig's certificate authority is not this machine's: ${again}` })
}

/** What kubectl reads. It asks again when the time is over, so that a proxy that has ended is started again. */
export const execCredential = (token: string, expires: Date): string =>
  `${JSON.stringify({
    apiVersion: execApiVersion,
    kind: "ExecCredential",
    status: { token, expirationTimestamp: expires.toISOString() },
  })}\n`
