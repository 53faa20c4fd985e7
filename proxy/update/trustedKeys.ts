import { readFile } from "node:fs/promises"
import { allowedKeys } from "./latestRelease.ts"
import { releaseKeys } from "./releaseKeys.ts"

/** The keys that may sign a release: the built-in ones, or those of the file that CLUSTERCONNECT_ALLOWED_SIGNERS names instead. */
export const trustedKeys = async (
  environment: Readonly<Record<string, string | undefined>>,
): Promise<readonly string[]> => {
  const path = environment.CLUSTERCONNECT_ALLOWED_SIGNERS
  return allowedKeys(path ? await readFile(path, "utf8") : releaseKeys)
}
