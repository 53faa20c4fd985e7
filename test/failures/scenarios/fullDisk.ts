import { expect, test } from "bun:test"
import { closeSync, openSync, rmSync, writeSync } from "node:fs"
import { get } from "node:http"
import { join } from "node:path"
import { type Finished, runProgram } from "../../cluster/process/runProgram.ts"
import { eventually } from "../../world/eventually.ts"
import { ours } from "../../world/ours.ts"
import { listening } from "../../world/Program.ts"
import type { World } from "../../world/World.ts"
import { ask, promisedMillis, started, worksAgain } from "../Adversity.ts"

const block = Buffer.alloc(4096, "x")

/** What goes on, what stops, and what is said, while the relay cannot write. */
export const fullDisk = (world: () => World): void => {
  const folder = () => join(world().directory, "relay")
  const filler = () => join(folder(), "filler")
  const fill = () => {
    const file = openSync(filler(), "a")
    try {
      for (;;) writeSync(file, block)
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC")
    } finally {
      closeSync(file)
    }
  }
  const command = (...args: readonly string[]): Promise<Finished> => {
    const [program, all] = ours("clusterconnect-relay", [...args, "--config", join(folder(), "config.yaml")])
    return runProgram(program, all, { timeoutMillis: 2 * promisedMillis })
  }
  const ready = async (): Promise<{ readonly status: number | undefined; readonly text: string }> => {
    const { host, port } = await listening(world().relay, "health")
    return new Promise((resolve, reject) => {
      get({ host, port, path: "/readyz" }, (response) => {
        const chunks: Buffer[] = []
        response.on("data", (chunk: Buffer) => chunks.push(chunk))
        response.on("end", () => resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() }))
      }).on("error", reject)
    })
  }

  test("sessions go on and begin, what must be stored is refused with the reason, and a cleared disk is enough", async () => {
    const dora = await started(world())
    await worksAgain(dora.side)
    fill()
    try {
      await eventually("a relay that says so", promisedMillis, async () => {
        const answer = await ready()
        expect(answer.status).toBe(200)
        return answer.text.includes("[!] database") ? { done: true } : { seen: answer }
      })
      for (const refused of [
        await command("token", "create", "edge-9"),
        await command(
          "caller",
          "revoke",
          "--issuer",
          "https://idp.example",
          "--subject",
          "nobody",
          "--unconfigured-issuer",
        ),
      ]) {
        expect({ refused, failed: refused.code !== 0 }).toMatchObject({ failed: true })
        expect(refused.stderr).toMatch(/relay\.sqlite: .*full.*free (some )?space/is)
      }
      expect((await ask(dora.side)).code).toBe(0)
      expect((await ask(dora.side, "write")).code).toBe(0)
      const other = await started(world())
      expect((await ask(other.side)).code).toBe(0)
      await other.stop()
    } finally {
      rmSync(filler())
    }
    expect(await command("token", "create", "edge-9")).toMatchObject({ code: 0 })
    await eventually("a relay that says so", promisedMillis, async () => {
      const answer = await ready()
      return answer.text.includes("[+] database") ? { done: true } : { seen: answer }
    })
    await worksAgain(dora.side)
    await dora.stop()
  }, 120_000)
}
