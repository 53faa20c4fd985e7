import { afterAll, beforeAll, expect, test } from "bun:test"
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NotAuthenticated } from "../failures.ts"
import { tokenFile } from "./TokenSource.ts"

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "clusterconnect-token-"))
})
afterAll(() => rmSync(directory, { recursive: true }))

test("a token file is read again when it changes, and its last token stays while it is being replaced", async () => {
  const path = join(directory, "token")
  writeFileSync(path, "one\n")
  const source = tokenFile(path, "relay", "--relay-token-file")
  expect(await source.current()).toBe("one")
  writeFileSync(path, "twotwo")
  expect(await source.current()).toBe("twotwo")
  writeFileSync(path, "")
  expect(await source.current()).toBe("twotwo")
  rmSync(path)
  expect(await source.current()).toBe("twotwo")
  writeFileSync(path, "three")
  expect(await source.current()).toBe("three")
})
test("a projected volume's link swap is a change", async () => {
  for (const name of ["a", "b"]) writeFileSync(join(directory, name), `token-${name}`)
  const link = join(directory, "link")
  symlinkSync(join(directory, "a"), link)
  const source = tokenFile(link, "auth-proxy", "x")
  expect(await source.current()).toBe("token-a")
  rmSync(link)
  symlinkSync(join(directory, "b"), link)
  expect(await source.current()).toBe("token-b")
})
test("a file that is absent, empty, a directory, too large or more than one word is refused by name", async () => {
  writeFileSync(join(directory, "empty"), " \n")
  writeFileSync(join(directory, "words"), "a b")
  writeFileSync(join(directory, "large"), "a".repeat(65_537))
  for (const name of ["none", "empty", "words", "large", "."]) {
    const source = tokenFile(join(directory, name), "auth-proxy", `--token-file ${name}`)
    await expect(source.current()).rejects.toThrow(NotAuthenticated)
    await expect(source.current()).rejects.toThrow(`--token-file ${name}`)
  }
})

test("a pipe is read once: it never holds up the program a second time", async () => {
  const path = join(directory, "pipe")
  expect(spawnSync("mkfifo", [path]).status).toBe(0)
  const writer = spawn("sh", ["-c", `printf token > ${path}`], { stdio: "ignore" })
  const source = tokenFile(path, "auth-proxy", "--token-file")
  expect(await source.current()).toBe("token")
  await new Promise((resolve) => writer.once("close", resolve))
  utimesSync(path, 1, 1)
  expect(await source.current()).toBe("token")
})
