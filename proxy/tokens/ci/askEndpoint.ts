import { type JsonAnswer, type JsonRequest, type Route, requestJson } from "../../../platform/outbound.ts"
import { NotAuthenticated, PathBroken } from "../../failures.ts"

/** A runner's token service answers at once. */
const askMillis = 15_000
const maxAnswerBytes = 64 * 1024

/** Of servers that judge nobody: later the same question may be answered. */
const isBusy = (status: number) => status === 429 || status >= 500

/**
 * Asks a token endpoint, whose answer is secret and whose refusals may quote what was sent: nothing of either is shown. Only over
 * https, and no redirect is followed, because the request carries a credential. Rejects with PathBroken when there is no answer, or one
 * that another attempt may better (429, 5xx).
 */
export const askEndpoint = async (
  what: string,
  address: string,
  route: Route,
  request: Pick<JsonRequest, "method" | "headers" | "body">,
): Promise<JsonAnswer> => {
  if (!URL.canParse(address) || new URL(address).protocol !== "https:")
    throw new NotAuthenticated({
      hop: "identity-provider",
      cause: "TokenEndpointInvalid",
      detail: `${what} is not an https URL, so its credential was not sent there`,
    })
  const options = { ...route, ...request, timeoutMillis: askMillis, maxBodyBytes: maxAnswerBytes }
  const answer = await requestJson(address, options).catch((error: unknown) => {
    throw new PathBroken({
      hop: "identity-provider",
      cause: "TokenEndpointUnreachable",
      detail: `${what} gave no answer: ${error instanceof Error ? error.message : String(error)}`,
    })
  })
  if (!isBusy(answer.status)) return answer
  throw new PathBroken({
    hop: "identity-provider",
    cause: "TokenEndpointBusy",
    detail: `${what} answered ${answer.status} without a token: it is overloaded or out of order`,
  })
}

/** A text field of a JSON answer. */
export const textField = (body: unknown, name: string): string | undefined => {
  const value = typeof body === "object" && body !== null ? (body as Record<string, unknown>)[name] : undefined
  return typeof value === "string" && value !== "" ? value : undefined
}
