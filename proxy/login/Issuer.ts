import {
  type ClientAuth,
  Configuration,
  type CustomFetch,
  clockTolerance,
  customFetch,
  discovery,
  None,
  type ServerMetadata,
} from "openid-client"
import { type Route, requestJson } from "../../platform/outbound.ts"
import { issuerFailure } from "./issuerFailure.ts"

/** An identity provider answers in well under a second; a person behind a slow line waits. */
const callMillis = 15_000
/** Discovery documents and token responses are a few KiB, key sets some more. */
const maxAnswerBytes = 512 * 1024

/**
 * openid-client's calls over this project's own transport: proxy rules, private authorities, no redirects, bounded. The runtime's
 * `fetch` would take proxies from the environment by other rules and trust nothing but the built-in roots.
 */
const issuerFetch =
  (route: Route): CustomFetch =>
  async (url, { method, headers, body, signal }) => {
    const sent = body instanceof URLSearchParams ? body.toString() : body
    if (sent !== undefined && sent !== null && typeof sent !== "string")
      throw new TypeError("the identity provider is only ever sent forms")
    const answer = await requestJson(url, {
      ...route,
      method: method as "GET" | "POST",
      headers,
      ...(sent ? { body: sent } : {}),
      timeoutMillis: callMillis,
      maxBodyBytes: maxAnswerBytes,
      signal: signal ?? undefined,
    })
    const type = answer.headers["content-type"]
    const body200 = [204, 205, 304].includes(answer.status) ? null : answer.text
    return new Response(body200, { status: answer.status, headers: type === undefined ? {} : { "content-type": type } })
  }

/** By as much an ID token may have ended, in seconds, where its end is somebody else's to judge. */
const anyClock = 10 * 365 * 86_400

/**
 * The provider as its discovery document describes it; the document's issuer must be this one. Rejects with a PathFailure.
 * @param judgesClock false: an ID token that has ended by this machine's clock is no reason to throw its answer away
 */
export const discovered = async (
  issuer: string,
  clientId: string,
  route: Route,
  { judgesClock = true }: { readonly judgesClock?: boolean } = {},
): Promise<Configuration> => {
  try {
    const tolerance = judgesClock ? {} : { [clockTolerance]: anyClock }
    return await discovery(new URL(issuer), clientId, tolerance, None(), { [customFetch]: issuerFetch(route) })
  } catch (error) {
    throw issuerFailure(issuer, error)
  }
}

/** A provider whose endpoints are known without discovery. */
export const knownTokenEndpoint = (
  server: ServerMetadata,
  clientId: string,
  route: Route,
  authentication: ClientAuth,
): Configuration => {
  const configuration = new Configuration(server, clientId, undefined, authentication)
  configuration[customFetch] = issuerFetch(route)
  return configuration
}
