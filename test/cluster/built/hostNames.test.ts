import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { addHostName, NotAName } from "./hostNames.ts"

describe("names of addresses", () => {
  let directory: string
  let file: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "clusterconnect-hosts-"))
    file = join(directory, "hosts")
    writeFileSync(file, "127.0.0.1 localhost\n")
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  test("a name given again moves, others stay", async () => {
    await addHostName(file, "relay.example", "10.89.1.1")
    await addHostName(file, "issuer.example", "10.89.1.1")
    await addHostName(file, "relay.example", "10.89.2.1")
    expect(readFileSync(file, "utf8")).toBe("127.0.0.1 localhost\n10.89.1.1 issuer.example\n10.89.2.1 relay.example\n")
  })

  test("the file keeps its inode, because it is mounted over /etc/hosts", async () => {
    const { ino } = statSync(file)
    await addHostName(file, "relay.example", "10.89.1.1")
    expect(statSync(file).ino).toBe(ino)
  })

  test.each([
    ["relay.example\n10.0.0.1 kubernetes", "10.89.1.1"],
    ["relay example", "10.89.1.1"],
    ["", "10.89.1.1"],
    ["relay.example", "outside"],
  ])("%j for %j is refused: it would change the file's meaning", async (name, address) => {
    await expect(addHostName(file, name, address)).rejects.toBeInstanceOf(NotAName)
  })
})
