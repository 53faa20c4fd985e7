import { createHash } from "node:crypto"
import { relayHost } from "../../protocol/names.ts"
import { UsageWrong } from "../failures.ts"
import { profileNamePattern } from "./Profile.ts"

/** @throws {UsageWrong} */
export const checkedProfileName = (name: string): string => {
  if (profileNamePattern.test(name)) return name
  throw new UsageWrong({
    detail: `profile name ${JSON.stringify(name)}: expected letters, digits, '.', '_' and '-', at most 63, a letter or digit first`,
  })
}

/** Leaves room for the hash. */
const maxStem = 50

/** The name of a relay's profile: its host, and where that is no name (an IPv6 address, a very long one) as much of it as is, and a hash. */
export const profileNameOf = (relay: string): string => {
  const host = relayHost(relay)
  const name = host.replace(/[^A-Za-z0-9._-]/g, "-")
  if (profileNamePattern.test(name)) return name
  const hash = createHash("sha256").update(host).digest("hex").slice(0, 8)
  return `${name.replace(/^[^A-Za-z0-9]+|-+$/g, "").slice(0, maxStem)}-${hash}`
}
