import { afterAll, beforeAll, expect, test } from "bun:test"
import { spawn, spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Environment } from "../settings/ProxySettings.ts"
import { tokensReadOnce } from "./tokensReadOnce.ts"

let directory: string
let pipe: string
let file: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "clusterconnect-tokens-"))
  pipe = join(directory, "pipe")
  file = join(directory, "file")
  spawnSync("mkfifo", [pipe])
  writeFileSync(file, "in a file")
})
afterAll(() => rm(directory, { recursive: true }))

type Flags = Parameters<typeof tokensReadOnce>[0]
const read = (flags: Partial<Flags>, environment: Environment = {}) =>
  tokensReadOnce({ clusters: ["a", "b"], ...flags } as Flags, environment)

test("what lies in a file, or nowhere, is left to the proxy, which reads it again", () => {
  expect(read({ tokenFile: `a=${file},b=/none`, relayTokenFile: file })).toEqual({})
  expect(read({})).toEqual({})
})
test("a pipe is read here, and only where its token would be used", async () => {
  const writer = spawn("sh", ["-c", 'printf secret > "$0"', pipe], { stdio: "ignore" })
  const ended = new Promise((resolve) => writer.once("exit", resolve))
  expect(read({ tokenFile: `a=${pipe},b=${file}` })).toEqual({ [pipe]: "secret" })
  await ended
  const variables = { CLUSTERCONNECT_TOKEN_FILE: `a=${pipe}`, CLUSTERCONNECT_RELAY_TOKEN_FILE: pipe }
  expect(read({ token: "a=x,b=y", relayTokenFile: file }, variables)).toEqual({})
  expect(read({}, { ...variables, CLUSTERCONNECT_TOKEN: "a=x", CLUSTERCONNECT_RELAY_TOKEN: "y" })).toEqual({})
})
test("a name that means another file in every process is read here, and what cannot be read is said", () => {
  expect(() => read({ tokenFile: "a=/dev/fd/987" })).toThrow("/dev/fd/987 cannot be read (ENOENT)")
})
