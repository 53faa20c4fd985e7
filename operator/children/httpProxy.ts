import { createHmac } from "node:crypto"
import { Data, Either } from "effect"
import { proxyFor } from "../../platform/outbound.ts"
import type { ChildrenInput } from "./ChildrenInput.ts"

/** The value of `spec.relay.httpProxySecretRef` is not the URL of an HTTP proxy. Does not show it: it may hold a password. */
export class HttpProxyUnusable extends Data.TaggedError("HttpProxyUnusable")<{ readonly detail: string }> {
  override get message(): string {
    return `the URL of the HTTP proxy is not usable: ${this.detail}`
  }
}

/** A proxy as a Secret names it. The URL has the form that agent and auth proxy accept. */
export interface HttpProxy {
  /** With user and password where it has them: never in an object's own text, log, or message. */
  readonly url: string
  readonly port: number
}

/** Judged by the rules of the programs that will use it, which would take an empty text for no proxy. */
export const httpProxyFrom = (text: string): Either.Either<HttpProxy, HttpProxyUnusable> =>
  Either.try({
    try: () => proxyFor(new URL("https://relay.invalid"), { httpsProxy: text }),
    catch: (error) => new HttpProxyUnusable({ detail: (error as Error).message }),
  }).pipe(
    Either.flatMap((url) =>
      url === undefined
        ? Either.left(new HttpProxyUnusable({ detail: "it is empty" }))
        : Either.right({ url: text, port: portOf(url) }),
    ),
  )

const portOf = ({ port, protocol }: URL): number => (port !== "" ? Number(port) : protocol === "https:" ? 443 : 80)

/** The port that a pod dials for this URL: the proxy's, or the URL's own where NO_PROXY or the absence of a proxy says so. */
export const dialledPort = (url: string, { httpProxy, resource }: ChildrenInput): number => {
  const target = new URL(url)
  const settings = { httpsProxy: httpProxy?.url, noProxy: noProxyOf(resource.spec) }
  return portOf(proxyFor(target, settings) ?? target)
}

const noProxyOf = ({ relay }: ChildrenInput["resource"]["spec"]): string => (relay.noProxy ?? []).join(",")

/**
 * HTTPS_PROXY from the user's own Secret, NO_PROXY from the spec; relay and issuers are https without exception.
 * @throws {TypeError} when one of reference and value is missing: pods would silently go around the proxy
 */
export const proxyEnvironment = ({ resource, httpProxy }: ChildrenInput): readonly object[] => {
  const { httpProxySecretRef: ref } = resource.spec.relay
  if ((ref === undefined) !== (httpProxy === undefined))
    throw new TypeError("httpProxy has to be given exactly where spec.relay.httpProxySecretRef is")
  if (ref === undefined) return []
  const noProxy = noProxyOf(resource.spec)
  return [
    { name: "HTTPS_PROXY", valueFrom: { secretKeyRef: { name: ref.name, key: ref.key } } },
    ...(noProxy === "" ? [] : [{ name: "NO_PROXY", value: noProxy }]),
  ]
}

const httpProxyDigestAnnotation = "clusterconnect.dev/http-proxy-digest"

/** Changes when the Secret's value does, so that pods are replaced; keyed, because a plain hash of a short password can be guessed. */
export const proxyAnnotations = ({ httpProxy, digestKey }: ChildrenInput): Readonly<Record<string, string>> =>
  httpProxy === undefined
    ? {}
    : {
        [httpProxyDigestAnnotation]: createHmac("sha256", digestKey)
          .update(`${httpProxyDigestAnnotation}\0${httpProxy.url}`)
          .digest("hex"),
      }
