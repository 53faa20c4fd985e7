import { createHash } from "node:crypto"
import { createReadStream, existsSync } from "node:fs"

/** Of a file; of nothing when it is not there. */
export const sha256Of = async (file: string): Promise<string> => {
  const hash = createHash("sha256")
  if (existsSync(file)) for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest("hex")
}
