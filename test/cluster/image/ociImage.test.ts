import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { createHash } from "node:crypto"
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { InvalidImage } from "../../../deploy/image/layerEntries.ts"
import { writeTar } from "../../../deploy/image/tarArchive.ts"
import { mustRun } from "../process/runProgram.ts"
import { LibraryMissing, libraryClosure, parseLdd } from "./libraryClosure.ts"
import { type ImageOptions, ociImage } from "./ociImage.ts"

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "clusterconnect-oci-"))
})
afterAll(() => rmSync(directory, { recursive: true }))

const image = (output: string, changes: Partial<ImageOptions> = {}): ImageOptions => ({
  name: "clusterconnect.test/tool:1",
  output: join(directory, output),
  files: [
    { path: "/bin/tool", source: "/bin/true", mode: 0o755 },
    { path: "/etc/tool/greeting", content: "grüezi\n" },
    { path: "/bin/link", target: "/bin/tool" },
  ],
  directories: [{ path: "/tmp", mode: 0o1777 }],
  entrypoint: ["/bin/tool"],
  user: "65532:65532",
  environment: { A: "b" },
  ...changes,
})

/** Unpacks an archive with the system's tar. */
async function unpack(archive: string, into: string): Promise<string> {
  const folder = join(directory, into)
  mkdirSync(folder)
  await mustRun("tar", ["--extract", "--same-permissions", "--file", archive, "--directory", folder])
  return folder
}

const sha256 = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`

describe("an OCI image", () => {
  test("is a layout in which every digest and size is that of the blob, and the name is where containerd looks", async () => {
    const options = image("a.tar")
    const digest = await ociImage(options)
    const layout = await unpack(options.output, "layout")
    const blob = (of: { digest: string }) => readFileSync(join(layout, "blobs/sha256", of.digest.slice(7)))
    expect(JSON.parse(readFileSync(join(layout, "oci-layout"), "utf8"))).toEqual({ imageLayoutVersion: "1.0.0" })
    const [described] = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")).manifests
    expect(described.annotations["io.containerd.image.name"]).toBe(options.name)
    expect(described.digest).toBe(digest)
    const manifest = JSON.parse(blob(described).toString())
    for (const one of [described, manifest.config, ...manifest.layers]) {
      expect(sha256(blob(one))).toBe(one.digest)
      expect(blob(one).length).toBe(one.size)
    }
    const config = JSON.parse(blob(manifest.config).toString())
    expect(config.rootfs.diff_ids).toEqual([manifest.layers[0].digest])
    expect(config.config).toEqual({
      Entrypoint: ["/bin/tool"],
      User: "65532:65532",
      Env: ["PATH=/usr/local/bin:/usr/bin:/bin", "A=b"],
    })

    const layer = join(directory, "layer.tar")
    writeFileSync(layer, blob(manifest.layers[0]))
    const root = await unpack(layer, "root")
    expect(readFileSync(join(root, "bin/tool"))).toEqual(readFileSync("/bin/true"))
    expect(statSync(join(root, "bin/tool")).mode & 0o7777).toBe(0o755)
    expect(readFileSync(join(root, "etc/tool/greeting"), "utf8")).toBe("grüezi\n")
    expect(readlinkSync(join(root, "bin/link"))).toBe("/bin/tool")
    expect(statSync(join(root, "tmp")).mode & 0o7777).toBe(0o1777)
  })

  test("built twice from the same files is the same, byte for byte", async () => {
    const digests = await Promise.all(["b.tar", "c.tar"].map((output) => ociImage(image(output))))
    expect(digests[0]).toBe(digests[1]!)
    expect(readFileSync(join(directory, "b.tar")).equals(readFileSync(join(directory, "c.tar")))).toBe(true)
  })

  test.each([
    ["a name without a registry", { name: "tool:1" }],
    ["a name without a tag", { name: "clusterconnect.test/tool" }],
    ["a relative path", { files: [{ path: "bin/tool", content: "" }] }],
    ["a relative directory", { directories: [{ path: "tmp", mode: 0o755 }] }],
    ["a file that is nothing", { files: [{ path: "/bin/tool" }] }],
    ["a file that is two things", { files: [{ path: "/bin/tool", content: "", target: "/x" }] }],
  ])("%s is refused", async (_, changes) => {
    await expect(ociImage(image("refused.tar", changes))).rejects.toThrow(InvalidImage)
  })
})

describe("a tar archive", () => {
  test("holds names of any length, and a file's content whole", async () => {
    const long = `${"d".repeat(180)}/${"f".repeat(200)}`
    const archive = join(directory, "long.tar")
    await writeTar(archive, [
      { type: "file", path: long, mode: 0o644, content: Buffer.from("x") },
      { type: "file", path: "bun", mode: 0o755, source: process.execPath },
      { type: "directory", path: "owned", mode: 0o700, owner: 65532 },
    ])
    const listed = await mustRun("tar", ["--list", "--verbose", "--numeric-owner", "--file", archive])
    expect(listed).toContain(long)
    expect(listed).toMatch(/^drwx------ 65532\/65532 .* owned\/?$/m)
    const root = await unpack(archive, "long")
    expect(readFileSync(join(root, "bun")).equals(readFileSync(process.execPath))).toBe(true)
  })

  test("is not written from a file that is not there", async () => {
    const absent = { type: "file", path: "x", mode: 0o644, source: join(directory, "absent") } as const
    await expect(writeTar(join(directory, "absent.tar"), [absent])).rejects.toThrow("ENOENT")
  })
})

describe("the libraries of a program", () => {
  test("are the loader and everything that it would load, each at its own path", async () => {
    const paths = (await libraryClosure(process.execPath, "/bin/bun")).map(({ path }) => path)
    expect(paths[0]).toBe("/bin/bun")
    expect(paths.some((path) => path.endsWith("/libc.so.6"))).toBe(true)
    expect(paths.some((path) => path.includes("/ld-linux"))).toBe(true)
  })

  test("are none for a static program", async () => {
    expect((await libraryClosure("/sbin/ldconfig", "/bin/tool")).map(({ path }) => path)).toEqual(["/bin/tool"])
  })

  test("that are missing are an error, not an image that does not start", () => {
    expect(() => parseLdd("\tlibx.so.1 => not found\n", "tool")).toThrow(LibraryMissing)
  })
})
