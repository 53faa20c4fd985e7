import { Effect } from "effect"
import { version } from "../../platform/version.ts"
import { places, say } from "../commands/originOptions.ts"
import { routeOf } from "../settings/chooseOrigin.ts"
import type { ProxySettings } from "../settings/ProxySettings.ts"
import { trustedKeys } from "./trustedKeys.ts"
import { updateNotice } from "./updateNotice.ts"

/** Asks the relay at most daily and says one line on stderr if there is something to say. Never fails; ends with its fiber. */
export const tellOfUpdate = ({ relay, caFile }: Pick<ProxySettings, "relay" | "caFile">): Effect.Effect<void> =>
  Effect.tryPromise(async (signal) => {
    const line = await updateNotice({
      relay,
      route: { ...routeOf(caFile, process.env), signal },
      running: version,
      publicKeys: await trustedKeys(process.env),
      state: places().state,
      environment: process.env,
      nowMillis: Date.now(),
    })
    if (line !== undefined && !signal.aborted) say(line)
  }).pipe(Effect.ignore)
