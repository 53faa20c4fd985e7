import { mkdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { writeFileAtomic } from "../../platform/files.ts"
import { type Asking, isNewer, latestRelease, ReleaseNotTrusted } from "./latestRelease.ts"
import { SignatureInvalid } from "./sshSignature.ts"

export interface UpdateQuestion {
  readonly relay: string
  readonly route: Asking
  readonly running: string
  readonly publicKeys: readonly string[]
  /** The client's state directory, which remembers per relay when it was asked. */
  readonly state: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly nowMillis: number
}

const dayMillis = 24 * 60 * 60 * 1000

/**
 * The line that tells a person of a newer, signed release at the relay, or of files there that claim to be one and are not signed.
 * Undefined when there is nothing to say: asked less than a day ago (a failed asking counts), switched off by
 * CLUSTERCONNECT_UPDATE_CHECK=off, in CI, or no answer. Never rejects.
 */
export const updateNotice = async (question: UpdateQuestion): Promise<string | undefined> => {
  const { relay, route, running, publicKeys, environment } = question
  if (environment.CLUSTERCONNECT_UPDATE_CHECK === "off" || environment.CI) return undefined
  try {
    if (!(await due(question))) return undefined
    const offered = await latestRelease(relay, publicKeys, route)
    if (!isNewer(offered, running)) return undefined
    return `clusterconnect ${offered} is out (this is ${running}): ${relay}/download/, docs/install.md`
  } catch (error) {
    return error instanceof SignatureInvalid || error instanceof ReleaseNotTrusted
      ? `Do not install what ${relay}/download/ offers: no release key signed it (${error.message}).`
      : undefined
  }
}

/** Notes that the relay is asked now; false when that was less than a day ago. */
const due = async ({ relay, state, nowMillis }: UpdateQuestion): Promise<boolean> => {
  const path = join(state, "update-checks.json")
  const asked = await readFile(path, "utf8").then(parsed, () => ({}) as Record<string, number>)
  const last = asked[relay] ?? 0
  // A time in the future is a clock that was wrong.
  if (last <= nowMillis && nowMillis - last < dayMillis) return false
  await mkdir(state, { recursive: true, mode: 0o700 })
  await writeFileAtomic(path, `${JSON.stringify({ ...asked, [relay]: nowMillis })}\n`)
  return true
}

const parsed = (text: string): Record<string, number> => {
  try {
    const value: unknown = JSON.parse(text)
    const entries = typeof value === "object" && value !== null ? Object.entries(value) : []
    return Object.fromEntries(entries.filter((entry): entry is [string, number] => typeof entry[1] === "number"))
  } catch {
    return {}
  }
}
