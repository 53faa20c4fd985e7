import { Schema } from "effect"
import { AuthProxyInstance } from "../../protocol/control.ts"
import {
  controlProtocol,
  instanceHeader,
  path,
  sessionHeader,
  streamProtocol,
  ticketHeader,
} from "../../protocol/names.ts"
import type { Route } from "../http/Route.ts"
import { offeredProtocols } from "../http/webSockets.ts"
import type { Parts } from "../Parts.ts"
import { InstanceMalformed, RelayDraining, SubprotocolUnknown } from "../refusals.ts"

const isInstance = Schema.is(AuthProxyInstance)
/** A subprotocol that this relay splices: any version of ours, because the two ends of a stream agree on it, not the relay. */
const isStreamProtocol = (protocol: string) => /^v\d{1,4}\.stream\.clusterconnect\.dev$/.test(protocol)

/** The three WebSockets of the relay. */
export const carrierRoutes = (parts: Parts): readonly Route[] => [
  {
    kind: "upgrade",
    method: "GET",
    path: path.stream("{cluster}"),
    operationId: "openStream",
    summary: `A user's half of a carrier: WebSocket upgrade with subprotocol ${streamProtocol}; on resume with Clusterconnect-Instance.`,
    authentication: "caller",
    upgrade: async ({ params, request, caller, clientAddress }, user) => {
      const cluster = params.cluster ?? ""
      const known = await caller()
      parts.access.require(known, cluster, "connect")
      if (parts.isDraining()) throw new RelayDraining()
      const protocols = offeredProtocols(request).filter(isStreamProtocol)
      if (protocols.length === 0) throw new SubprotocolUnknown({ detail: `expected ${streamProtocol}` })
      const instance = request.headers[instanceHeader]
      if (instance !== undefined && !isInstance(instance)) throw new InstanceMalformed()
      parts.streams.open({ caller: known, cluster, clientAddress, instance, protocols, user })
    },
  },
  {
    kind: "upgrade",
    method: "GET",
    path: path.agentCarrier,
    operationId: "pickUpCarrier",
    summary: "An agent's half of a carrier: WebSocket upgrade with Clusterconnect-Ticket and Clusterconnect-Session.",
    authentication: "ticket",
    upgrade: ({ request }, upgrade) => {
      const [protocol = ""] = offeredProtocols(request)
      const header = (name: string) => String(request.headers[name] ?? "")
      parts.streams.pickUp(upgrade, header(ticketHeader), header(sessionHeader), protocol)
    },
  },
  {
    kind: "upgrade",
    method: "GET",
    path: path.control,
    operationId: "openControlSession",
    summary: `An agent's control session: WebSocket upgrade with subprotocol ${controlProtocol}.`,
    authentication: "session-key",
    upgrade: ({ request, clientAddress }, upgrade) => {
      if (parts.isDraining()) throw new RelayDraining()
      if (!offeredProtocols(request).includes(controlProtocol))
        throw new SubprotocolUnknown({ detail: `expected ${controlProtocol}` })
      parts.acceptControl(upgrade, clientAddress)
    },
  },
]
