import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { compile } from "../build.ts"
import { bunExecutable } from "../bunExecutable.ts"
import type { ImageName } from "../publicImages.ts"
import { releasedName, targetNamed } from "../targets.ts"
import { PackageUnavailable, unpacked } from "./debianArchive.ts"
import { debianPins } from "./debianPins.ts"
import type { Descriptor } from "./OciLayout.ts"
import { buildProductImage, imageTargets, productImages } from "./productImage.ts"
import { libraries, machines, runtimeLayer } from "./runtimeLayer.ts"

/** Compressing a program of a hundred megabytes takes 5 s on a free core; each image is made twice. */
const BUILD_MILLIS = 300_000

const architecture = process.arch === "arm64" ? "arm64" : "amd64"
const version = "9.9.9"
const names = Object.keys(productImages) as ImageName[]

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "clusterconnect-product-image-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const ran = (command: string, ...args: readonly string[]): string => {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" })
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stdout + stderr}`)
  return stdout
}

/** Reads a blob and checks that it is what its descriptor says. */
const blobOf = (layout: string) => (descriptor: Descriptor) => {
  const file = join(layout, "blobs/sha256", descriptor.digest.slice("sha256:".length))
  const bytes = readFileSync(file)
  expect(`sha256:${createHash("sha256").update(bytes).digest("hex")}`).toBe(descriptor.digest)
  expect(bytes.length).toBe(descriptor.size)
  return { file, json: () => JSON.parse(bytes.toString()) }
}

/** Unpacks an image as a container runtime would, with the folders that one adds. */
const unpack = (layout: string, root: string) => {
  const blob = blobOf(layout)
  const [described, ...others] = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")).manifests
  expect(others).toEqual([])
  const index = blob(described).json()
  const manifest = blob(index.manifests[0]).json()
  for (const name of ["", "proc", "dev"]) mkdirSync(join(root, name), { recursive: true })
  for (const layer of manifest.layers) ran("tar", "-xzpf", blob(layer).file, "-C", root)
  return { index, config: blob(manifest.config).json() }
}

/** Runs a program of the image as uid 65532, in a mount namespace in which its root is read-only. */
const runIn = (root: string, environment: Readonly<Record<string, string>>, ...words: readonly string[]): string => {
  const script = [
    'mount --bind "$0" "$0"',
    'mount --rbind /proc "$0/proc"',
    'mount --bind /dev "$0/dev"',
    'mount -o remount,bind,ro "$0"',
    'exec chroot --userspec=65532:65532 "$0" "$@"',
  ].join(" && ")
  const assigned = Object.entries(environment).map((pair) => pair.join("="))
  return ran(
    "env",
    "-i",
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    ...assigned,
    "unshare",
    "--mount",
    "sh",
    "-c",
    script,
    root,
    ...words,
  )
}

const build = (name: ImageName, place: string) =>
  buildProductImage({ name, version, architectures: [architecture], programs: folder, directory: join(folder, place) })

describe.each(names)("the image %s", (name) => {
  test(
    "runs its programs without a shell, as a user without rights and on a read-only root, and a second build has the same digest",
    async () => {
      const target = targetNamed(imageTargets[architecture] ?? "")
      const { programs } = productImages[name]
      for (const program of programs) compile(program, join(folder, releasedName(program, target)), { target, version })
      const digest = await build(name, `${name}-first`)
      expect(await build(name, `${name}-second`)).toBe(digest)

      const root = join(folder, `${name}-root`)
      const { index, config } = unpack(join(folder, `${name}-first`), root)
      expect(index.manifests[0].platform).toEqual({ os: "linux", architecture })
      expect(config.config.User).toBe("65532:65532")
      expect(config.config.Entrypoint).toEqual([`/usr/local/bin/${programs[0]}`])
      expect(readdirSync(join(root, "usr/local/bin")).sort()).toEqual([...programs].sort())
      expect(readdirSync(join(root, "usr")).sort()).toEqual(["lib", "lib64", "local", "share"])

      for (const program of programs) {
        const path = `/usr/local/bin/${program}`
        expect(runIn(root, {}, path, "--version")).toContain(version)
        const facts = `console.log(process.getuid(), require("tls").getCACertificates("system").length,
          (() => { try { require("fs").writeFileSync("/x", ""); return "written" } catch (error) { return error.code } })())`
        const [uid, authorities, written] = runIn(root, { BUN_BE_BUN: "1" }, path, "--eval", facts).trim().split(" ")
        expect(uid).toBe("65532")
        expect(Number(authorities)).toBeGreaterThan(100)
        expect(written).toBe("EROFS")
      }
      for (const place of [`${name}-first`, `${name}-second`, `${name}-root`]) {
        rmSync(join(folder, place), { recursive: true })
      }
    },
    BUILD_MILLIS,
  )
})

describe("the runtime layer", () => {
  test.each(Object.keys(machines))("of %s has all libraries that a compiled program names, and no other", (one) => {
    const executable = bunExecutable(targetNamed(imageTargets[one] ?? ""))
    const needed = [...ran("readelf", "-d", executable).matchAll(/\(NEEDED\).*\[(.+)\]/g)].map((found) => found[1])
    const loader = machines[one]?.loader ?? ""
    expect(needed.filter((name) => name !== loader).sort()).toEqual([...libraries].sort())
    expect(ran("readelf", "-l", executable)).toContain(loader)
    for (const { source } of runtimeLayer(one).files) if (source !== undefined) expect(existsSync(source)).toBe(true)
  })

  test("is not made of a package with another hash than the pinned one", () => {
    const [one] = debianPins
    const cache = process.env.XDG_CACHE_HOME
    process.env.XDG_CACHE_HOME = join(folder, "cache")
    try {
      expect(() => unpacked({ ...one!, sha256: "0".repeat(64) })).toThrow(PackageUnavailable)
      expect(readdirSync(join(folder, "cache/clusterconnect/debian"))).toEqual([])
    } finally {
      if (cache === undefined) delete process.env.XDG_CACHE_HOME
      else process.env.XDG_CACHE_HOME = cache
    }
  })
})
