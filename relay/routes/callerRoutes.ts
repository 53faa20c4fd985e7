import type { ConnectionInformation } from "../../protocol/control.ts"
import { path } from "../../protocol/names.ts"
import type { Route } from "../http/Route.ts"
import type { Parts } from "../Parts.ts"
import { NoDocument } from "../refusals.ts"
import { clusterName, count, list, object, text } from "./shapes.ts"

/** What a user's proxy asks for, and what anybody may. */
export const callerRoutes = ({ access, registry, directory, openApi }: Parts): readonly Route[] => [
  {
    kind: "request",
    method: "GET",
    path: path.clusters,
    operationId: "clusters",
    summary: "The clusters that the caller may connect to.",
    authentication: "caller",
    gives: object({ clusters: list(object({ clusterName, agentSessions: count })) }),
    answer: async ({ caller }) => {
      const names = access.clusters(await caller(), "connect")
      return {
        status: 200,
        body: { clusters: names.map((name) => ({ clusterName: name, agentSessions: directory.of(name).length })) },
      }
    },
  },
  {
    kind: "request",
    method: "GET",
    path: path.cluster("{cluster}"),
    operationId: "connectionInformation",
    summary: "What a client needs to connect to a cluster; it trusts nothing of it but the document's own signature.",
    authentication: "caller",
    gives: object({ clusterName, document: text, agentSessions: count }),
    answer: async ({ caller, params }) => {
      const name = params.cluster ?? ""
      access.require(await caller(), name, "connect")
      const document = registry.registration(name)?.document
      if (document === undefined) throw new NoDocument()
      const body: ConnectionInformation = { clusterName: name, document, agentSessions: directory.of(name).length }
      return { status: 200, body }
    },
  },
  {
    kind: "request",
    method: "GET",
    path: "/openapi.json",
    operationId: "openApi",
    summary: "This document.",
    authentication: "none",
    gives: { type: "object" },
    answer: () => ({ status: 200, body: openApi() }),
  },
  {
    kind: "request",
    method: "GET",
    path: "/livez",
    operationId: "live",
    summary: "Answers as long as the relay serves requests.",
    authentication: "none",
    gives: object({ status: text }),
    answer: () => ({ status: 200, body: { status: "ok" } }),
  },
]
