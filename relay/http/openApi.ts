import { refusalResponse } from "../../protocol/status.ts"
import type { Authentication, JsonSchema, Route } from "./Route.ts"

const security: Readonly<Record<Authentication, readonly object[]>> = {
  none: [],
  "join-token": [],
  caller: [{ callerToken: [] }],
  "identity-key": [{ nonce: [], signature: [] }],
  "session-key": [],
  ticket: [{ ticket: [], session: [] }],
}

const header = (name: string, description: string) => ({ type: "apiKey", in: "header", name, description })

/** The OpenAPI 3.1 document of the routes: made of the very table that requests are routed by. */
export const openApiOf = (routes: readonly Route[], version: string, publicUrl: string): JsonSchema => {
  const paths: Record<string, Record<string, JsonSchema>> = {}
  for (const route of routes) {
    const operations = paths[route.path] ?? {}
    operations[route.method.toLowerCase()] = operation(route)
    paths[route.path] = operations
  }
  return {
    openapi: "3.1.0",
    info: { title: "ClusterConnect relay", version, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    servers: [{ url: publicUrl }],
    paths,
    components: {
      securitySchemes: {
        callerToken: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        nonce: header("Clusterconnect-Nonce", "From POST /v1/challenge; good once."),
        signature: header(
          "Clusterconnect-Signature",
          "By the cluster's identity key over nonce, relay URL, cluster, method, path and body.",
        ),
        ticket: header("Clusterconnect-Ticket", "From a dial on the control session; good once, for 10 s."),
        session: header("Clusterconnect-Session", "The secret of that control session."),
      },
      schemas: { Status: status },
    },
  }
}

const operation = (route: Route): JsonSchema => {
  const parameters = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }))
  const success =
    route.kind === "upgrade"
      ? { "101": { description: "The WebSocket is open." } }
      : route.gives === undefined
        ? { "204": { description: "Done." } }
        : { "2XX": { description: "Done.", content: { "application/json": { schema: route.gives } } } }
  const takes = route.kind === "request" ? route.takes : undefined
  const mediaType = takes?.type === "string" ? "text/plain" : "application/json"
  return {
    operationId: route.operationId,
    summary: route.summary,
    security: security[route.authentication],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(takes === undefined ? {} : { requestBody: { required: true, content: { [mediaType]: { schema: takes } } } }),
    responses: {
      ...success,
      default: {
        description: "Refused: a metav1.Status whose causes name the hop and our word for the cause.",
        content: { "application/json": { schema: { $ref: "#/components/schemas/Status" } } },
      },
    },
  }
}

const example = JSON.parse(refusalResponse({ code: 403, hop: "relay", cause: "ClusterRefused", message: "…" }).body)

const status: JsonSchema = {
  type: "object",
  description: "metav1.Status of Kubernetes.",
  required: ["kind", "apiVersion", "status", "message", "reason", "code", "details"],
  properties: {
    kind: { const: "Status" },
    apiVersion: { const: "v1" },
    metadata: { type: "object" },
    status: { const: "Failure" },
    message: { type: "string" },
    reason: { type: "string" },
    code: { type: "integer" },
    details: { type: "object" },
  },
  examples: [example],
}
