import type { IncomingMessage } from "node:http"
import { createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { privateCertificate } from "../../identity/testing/privateCertificate.ts"
import { jwt } from "./FarEnd.ts"

/** What a CI system's token endpoint was asked. */
export interface Asked {
  readonly method: string
  readonly url: URL
  readonly authorization: string
  readonly body: string
}

interface Answer {
  readonly status: number
  readonly body: unknown
}

/** A token endpoint on https with a private authority. `answer` speaks the protocol of one CI system. */
export const tokenEndpoint = async (answer: (asked: Asked) => Answer | Promise<Answer>) => {
  const { caPem, certificatePem, keyPem } = await privateCertificate(["127.0.0.1"])
  const asked: Asked[] = []
  const server = createServer({ cert: certificatePem, key: keyPem }, async (req, res) => {
    const { method = "", url = "/", headers } = req
    const one = {
      method,
      url: new URL(url, "https://127.0.0.1"),
      authorization: headers.authorization ?? "",
      body: await textOf(req),
    }
    asked.push(one)
    const { status, body } = await answer(one)
    const text = typeof body === "string" ? body : JSON.stringify(body)
    res.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) }).end(text)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()))
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caPem,
    asked,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const textOf = async (req: IncomingMessage): Promise<string> => {
  let text = ""
  for await (const chunk of req) text += String(chunk)
  return text
}

/** As `GET $ACTIONS_ID_TOKEN_REQUEST_URL&audience=…`: the runner's bearer token, JSON with `value`. */
export const githubEndpoint = (credential: string, seconds = 300) =>
  tokenEndpoint(({ method, url, authorization }) => {
    if (authorization !== `Bearer ${credential}`) return { status: 401, body: { message: "Bad credentials" } }
    if (method !== "GET" || url.searchParams.get("api-version") !== "2.0") return { status: 400, body: {} }
    const aud = url.searchParams.get("audience") ?? "https://github.com/owner"
    return { status: 200, body: { count: 1, value: jwt({ aud, exp: Math.floor(Date.now() / 1_000) + seconds }) } }
  })

/**
 * As `POST $SYSTEM_OIDCREQUESTURI?api-version=…&serviceConnectionId=…` of Azure Pipelines, and Entra's token endpoint, which takes
 * that token as a client assertion (RFC 7523) and a scope `<resource>/.default`.
 */
export const azureEndpoints = (credential: string, clientId: string, connection: string) => {
  const assertion = jwt({ aud: "api://AzureADTokenExchange", sub: `sc://org/project/${connection}` })
  return tokenEndpoint(({ method, url, authorization, body }) => {
    if (method !== "POST") return { status: 405, body: {} }
    if (url.pathname === "/oidctoken") {
      if (authorization !== `Bearer ${credential}`) return { status: 401, body: "" }
      const fits = url.searchParams.get("api-version") && url.searchParams.get("serviceConnectionId") === connection
      return fits ? { status: 200, body: { oidcToken: assertion } } : { status: 400, body: {} }
    }
    if (url.pathname !== "/the-tenant/oauth2/v2.0/token") return { status: 404, body: {} }
    const form = new URLSearchParams(body)
    const resource = /^(.+)\/\.default$/.exec(form.get("scope") ?? "")?.[1]
    const fits =
      form.get("grant_type") === "client_credentials" &&
      form.get("client_id") === clientId &&
      form.get("client_assertion_type") === "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" &&
      form.get("client_assertion") === assertion
    if (!fits) return { status: 401, body: { error: "invalid_client", error_description: "AADSTS700024: expired" } }
    if (resource === undefined) return { status: 400, body: { error: "invalid_scope" } }
    return { status: 200, body: { token_type: "Bearer", expires_in: 3_599, access_token: jwt({ aud: resource }) } }
  })
}
