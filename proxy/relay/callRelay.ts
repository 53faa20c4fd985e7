import { type JsonRequest, requestJson } from "../../platform/outbound.ts"
import type { RelayAccess } from "./relayAccess.ts"
import { failureFromAnswer, relayFailure } from "./relayFailures.ts"

/** The largest answer is an export of all registrations: 10,000 of them are 4 MB. */
const largestAnswerBytes = 16 * 1024 * 1024
const callMillis = 15_000

interface CallOptions extends Pick<JsonRequest, "method" | "body"> {
  readonly maxAnswerBytes?: number
}

/** One call of the relay's HTTP API as the caller. Returns the parsed body. Rejects with a PathFailure. */
export const callRelay = async (
  { settings, route, gate }: Pick<RelayAccess, "settings" | "route" | "gate">,
  path: string,
  { maxAnswerBytes = largestAnswerBytes, ...request }: CallOptions = {},
): Promise<unknown> => {
  const { relay } = settings
  const answer = await requestJson(new URL(path, relay), {
    ...route,
    ...request,
    headers: {
      authorization: `Bearer ${await gate.token()}`,
      ...(request.method === "POST" && request.body === undefined ? { "content-length": "0" } : {}),
    },
    timeoutMillis: callMillis,
    maxBodyBytes: maxAnswerBytes,
  }).catch((error: unknown) => {
    throw relayFailure(relay, error)
  })
  if (answer.status < 200 || answer.status > 299) throw failureFromAnswer(relay, answer.status, answer.text)
  return answer.body
}
