import { expect, test } from "bun:test"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

test("a program that starts itself again from sources takes nothing from the folder it is started in", async () => {
  const folder = await mkdtemp(join(tmpdir(), "clusterconnect-folder-"))
  await writeFile(join(folder, "bunfig.toml"), 'preload = ["./preload.ts"]\n')
  await writeFile(join(folder, "preload.ts"), 'console.log("the folder\'s")\n')
  await writeFile(join(folder, ".env"), "OF_THE_FOLDER=yes\n")
  const own = join(import.meta.dir, "ownCommand.ts")
  const program = join(folder, "program.ts")
  await writeFile(
    program,
    `import { ownCommand } from ${JSON.stringify(own)}\nconsole.log(JSON.stringify([process.env.OF_THE_FOLDER ?? "", ownCommand()]))\n`,
  )
  const run = async (command: readonly string[]) => {
    const child = Bun.spawn([...command], { cwd: folder, stdout: "pipe", stderr: "inherit" })
    return (await new Response(child.stdout).text()).trim().split("\n")
  }
  const [preloaded, said = ""] = await run([process.execPath, program])
  const [ofFolder, command] = JSON.parse(said)
  expect([preloaded, ofFolder]).toEqual(["the folder's", "yes"])
  const again = await run(command)
  expect(again.map((line) => JSON.parse(line))).toEqual([["", command]])
  await rm(folder, { recursive: true })
})
