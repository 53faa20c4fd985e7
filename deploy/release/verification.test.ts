import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test"
import { spawn, spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import http from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { allowedKeys, isNewer, latestRelease } from "../../proxy/update/latestRelease.ts"
import { sendDownload } from "../../relay/http/download.ts"
import { targets } from "../targets.ts"
import { signChecksums, verifyChecksums, writeChecksums } from "./checksums.ts"
import { allowedSigners } from "./keys.ts"

/** A release whose "binaries" are scripts that say who they are, behind the relay's own /download/. */
let folder: string
let good: string
let served: string
let server: http.Server
let origin: string
let signers: string

const newKey = (name: string): string => {
  const path = join(folder, name)
  const made = spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path])
  if (made.status !== 0) throw new Error(String(made.stderr))
  return path
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "release-"))
  good = join(folder, "good")
  served = join(folder, "served")
  await mkdir(good)
  for (const { name, executableSuffix } of targets) {
    const path = join(good, `clusterconnect-${name}${executableSuffix}`)
    await writeFile(path, "#!/bin/sh\necho genuine\n")
    await chmod(path, 0o755)
  }
  await writeFile(join(good, "version.txt"), "1.2.3\n")
  await writeChecksums(good)
  const key = newKey("release-key")
  newKey("stranger-key")
  signChecksums(good, key)
  signers = join(folder, "allowed_signers")
  const [type, blob] = (await readFile(`${key}.pub`, "utf8")).split(" ")
  await writeFile(signers, `release@clusterconnect.dev namespaces="clusterconnect-release" ${type} ${blob?.trim()}\n`)
  server = http.createServer((request, response) => {
    sendDownload(served, request.url ?? "", response).catch(() => response.writeHead(404).end())
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await rm(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  await rm(served, { recursive: true, force: true })
  await cp(good, served, { recursive: true })
})

const ran = async (command: readonly string[], env: Record<string, string>) => {
  const child = spawn(command[0] ?? "", command.slice(1), { env: { PATH: process.env.PATH ?? "", ...env } })
  let said = ""
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk
  })
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { code, said }
}

interface Consumer {
  readonly name: string
  /** Whether it took what is served, and what it said. */
  readonly take: (keys: string, version?: string) => Promise<{ readonly took: boolean; readonly said: string }>
}

const scripts = import.meta.dir
const consumers: readonly Consumer[] = [
  {
    name: "install.sh",
    take: async (keys, version) => {
      const to = await mkdtemp(join(folder, "to-"))
      const words = ["sh", join(scripts, "install.sh"), "--from", origin, "--to", to, "--kubectl-plugin"]
      const { code, said } = await ran([...words, ...(version === undefined ? [] : ["--version", version])], {
        CLUSTERCONNECT_ALLOWED_SIGNERS: keys,
      })
      const took = existsSync(join(to, "clusterconnect"))
      expect(took).toBe(code === 0)
      expect(existsSync(join(to, "kubectl-clusterconnect"))).toBe(took)
      return { took, said }
    },
  },
  {
    name: "the action's script",
    take: async (keys, version) => {
      const temporary = await mkdtemp(join(folder, "runner-"))
      const { code, said } = await ran(["sh", join(scripts, "..", "action", "setup.sh")], {
        CLUSTERCONNECT_ALLOWED_SIGNERS: keys,
        CLUSTERCONNECT_INSTALL_FROM: origin,
        CLUSTERCONNECT_INSTALL_VERSION: version ?? "",
        RUNNER_TEMP: temporary,
        GITHUB_PATH: join(temporary, "path"),
      })
      const took = existsSync(join(temporary, "clusterconnect", "bin", "clusterconnect"))
      expect(took).toBe(code === 0)
      expect(existsSync(join(temporary, "path"))).toBe(took)
      return { took, said }
    },
  },
  {
    name: "the update check",
    take: async (keys, version) => {
      try {
        const found = await latestRelease(origin, allowedKeys(await readFile(keys, "utf8")), {})
        return { took: version === undefined || version === found, said: found }
      } catch (error) {
        return { took: false, said: String(error) }
      }
    },
  },
]

for (const { name, take } of consumers)
  describe(name, () => {
    test("takes a release that is whole and signed", async () => {
      const { took, said } = await take(signers)
      expect(said).toContain("1.2.3")
      expect(took).toBe(true)
    })
    test("refuses modified files with a matching list of checksums and the old signature", async () => {
      for (const file of ["version.txt", ...targets.map(({ name }) => `clusterconnect-${name}`)])
        await writeFile(join(served, file), "#!/bin/sh\necho evil\n")
      await writeChecksums(served)
      await cp(join(good, "SHA256SUMS.sig"), join(served, "SHA256SUMS.sig"))
      expect((await take(signers)).took).toBe(false)
    })
    test("refuses the same signed by a stranger's key", async () => {
      await writeChecksums(served)
      signChecksums(served, join(folder, "stranger-key"))
      expect((await take(signers)).took).toBe(false)
    })
    test("refuses a signature that the release key made for another purpose", async () => {
      await rm(join(served, "SHA256SUMS.sig"))
      const words = ["-Y", "sign", "-q", "-f", join(folder, "release-key"), "-n", "git", join(served, "SHA256SUMS")]
      expect(spawnSync("ssh-keygen", words).status).toBe(0)
      expect((await take(signers)).took).toBe(false)
    })
    test("refuses a missing, empty or garbled signature", async () => {
      for (const signature of [undefined, "", "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"]) {
        if (signature === undefined) await rm(join(served, "SHA256SUMS.sig"))
        else await writeFile(join(served, "SHA256SUMS.sig"), signature)
        expect((await take(signers)).took).toBe(false)
      }
    })
    test("refuses a modified file under the genuine, signed list", async () => {
      for (const file of ["version.txt", ...targets.map(({ name }) => `clusterconnect-${name}`)])
        await writeFile(join(served, file), "1.2.4\n")
      expect((await take(signers)).took).toBe(false)
    })
    test("refuses everything under the project's own keys, which did not sign this", async () => {
      expect((await take(allowedSigners)).took).toBe(false)
    })
    test("refuses a signed release of another version than the one asked for", async () => {
      expect((await take(signers, "1.2.4")).took).toBe(false)
      expect((await take(signers, "1.2.3")).took).toBe(true)
    })
  })

test("a binary alone that was modified is refused, whatever else is genuine", async () => {
  for (const { name } of targets) await writeFile(join(served, `clusterconnect-${name}`), "evil")
  for (const consumer of consumers.slice(0, 2)) {
    const { took, said } = await consumer.take(signers)
    expect(took).toBe(false)
    expect(said).toContain("is not the file that was signed")
  }
})

test("the maker of a release refuses to end with a signature that the repository's keys do not verify", async () => {
  await verifyChecksums(good, signers)
  await expect(verifyChecksums(good, allowedSigners)).rejects.toThrow("not signed by a key")
})

test("only a higher version is an update", () => {
  expect(isNewer("1.2.4", "1.2.3")).toBe(true)
  expect(isNewer("1.2.3", "1.2.3")).toBe(false)
  expect(isNewer("1.2.2", "1.2.3")).toBe(false)
  expect(isNewer("1.2.3-rc.1", "1.2.3")).toBe(false)
  expect(isNewer("<html>", "1.2.3")).toBe(false)
})
