import { expect, test } from "bun:test"
import { createHash, randomFillSync } from "node:crypto"
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Sides } from "../sides.ts"

const copyBytes = 100 * 1024 * 1024
const limit = { timeoutMillis: 300_000 }

const fileSha256 = async (file: string): Promise<string> => {
  const hash = createHash("sha256")
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest("hex")
}

const writeRandom = async (file: string): Promise<void> => {
  const out = createWriteStream(file)
  const block = Buffer.alloc(1024 * 1024)
  for (let written = 0; written < copyBytes; written += block.length)
    await new Promise<void>((resolve, reject) =>
      out.write(Buffer.from(randomFillSync(block)), (error) => (error ? reject(error) : resolve())),
    )
  await new Promise<void>((resolve) => out.end(resolve))
}

export const copying = (sides: () => Sides): void => {
  test("cp of 100 MB into a pod and back is byte-exact", async () => {
    const folder = mkdtempSync(join(tmpdir(), "clusterconnect-cp-"))
    try {
      const [there, back] = [join(folder, "there"), join(folder, "back")]
      await writeRandom(there)
      const sum = await fileSha256(there)
      const up = await sides().tunnel.run(["cp", there, "e2e/shell:/tmp/copy"], limit)
      expect([up.code, up.stderr]).toEqual([0, ""])
      const inPod = await sides().direct.run(["exec", "shell", "-n", "e2e", "--", "sha256sum", "/tmp/copy"])
      expect(inPod.stdout).toContain(sum)
      const down = await sides().tunnel.run(["cp", "e2e/shell:/tmp/copy", back], limit)
      expect(down.code).toBe(0)
      expect(await fileSha256(back)).toBe(sum)
    } finally {
      rmSync(folder, { recursive: true, force: true })
      await sides().direct.run(["exec", "shell", "-n", "e2e", "--", "rm", "-f", "/tmp/copy"])
    }
  }, 600_000)
}
