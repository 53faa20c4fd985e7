import type { DialFailure } from "../../protocol/control.ts"
import type { Hop, Refusal } from "../../protocol/status.ts"
import { CarrierRevoked, DialUnanswered, NoAgent, RelayDraining, refusalOf } from "../refusals.ts"
import type { OpeningFailure } from "./openingStep.ts"

/** 409 for `instance`: another attempt may succeed when the agents have resolved the auth proxies again; the client decides how long. */
const dialRefusals: Readonly<
  Record<DialFailure, { readonly code: number; readonly hop: Hop; readonly message: string }>
> = {
  "auth-proxy-unreachable": { code: 503, hop: "auth-proxy", message: "the agent reaches no auth proxy of the cluster" },
  "auth-proxy-refused": { code: 503, hop: "auth-proxy", message: "the auth proxy refused the stream" },
  instance: {
    code: 409,
    hop: "auth-proxy",
    message: "the auth proxy that holds this stream is not among those that the agent knows",
  },
  overloaded: { code: 503, hop: "agent", message: "the agent is at its limit of dials; try again" },
  draining: { code: 503, hop: "agent", message: "the agent is shutting down; try again" },
  "relay-unreachable": {
    code: 503,
    hop: "agent",
    message: "the agent could not reach the relay with its half; try again",
  },
}

/** What the user is told, naming the hop that failed; `cause` is the agent's own word where it gave one. */
export const openingRefusal = (failure: OpeningFailure): Refusal => {
  switch (failure.type) {
    case "noAgent":
      return refusalOf(new NoAgent())
    case "unanswered":
      return refusalOf(new DialUnanswered())
    case "draining":
      return refusalOf(new RelayDraining())
    case "revoked":
      return refusalOf(new CarrierRevoked())
    case "dialFailed":
      return { ...dialRefusals[failure.reason], cause: failure.reason }
  }
}
