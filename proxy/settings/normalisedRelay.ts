import { crossesInPlainText, relayUrl } from "../../protocol/names.ts"
import { UsageWrong } from "../failures.ts"

/** The relay's URL as its identity is written. @throws {UsageWrong} when it is missing, is none, or tokens would cross a network in plain text */
export const normalisedRelay = (text: string | undefined) => {
  if (text === undefined)
    throw new UsageWrong({
      detail:
        "which relay? Log in once (clusterconnect login --relay https://HOST …), give --relay https://HOST or set CLUSTERCONNECT_RELAY",
    })
  const wrong = (why: string) => new UsageWrong({ detail: `--relay or CLUSTERCONNECT_RELAY: ${why}` })
  let relay: string
  try {
    relay = relayUrl(text)
  } catch {
    throw wrong("expected https://HOST[:PORT] and nothing more")
  }
  if (crossesInPlainText(relay))
    throw wrong("expected https://HOST[:PORT]: your token would cross the network in plain text")
  return relay
}
