import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { join } from "node:path"
import { pinned, unpacked } from "./debianArchive.ts"
import type { ImageFile, LayerContent } from "./layerEntries.ts"

/** uid and gid that the programs run as; nothing in the image belongs to it. */
export const nonRoot = 65532

/** What a compiled program names as NEEDED, on every architecture. */
export const libraries = ["libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0"]

interface Machine {
  /** Debian's name of its library folder. */
  readonly triplet: string
  /** The loader's file, and where the programs say that it is. */
  readonly loader: string
  readonly interpreter: string
}

export const machines: Readonly<Record<string, Machine>> = {
  amd64: {
    triplet: "x86_64-linux-gnu",
    loader: "ld-linux-x86-64.so.2",
    interpreter: "/usr/lib64/ld-linux-x86-64.so.2",
  },
  arm64: {
    triplet: "aarch64-linux-gnu",
    loader: "ld-linux-aarch64.so.1",
    interpreter: "/usr/lib/ld-linux-aarch64.so.1",
  },
}

/**
 * What a compiled program needs around it: glibc and its loader, Mozilla's certificate authorities, a user without rights. No
 * shell, no package manager. Debian's control files are where scanners look for versions (`/var/lib/dpkg/status.d`).
 */
export const runtimeLayer = (architecture: string): LayerContent => {
  const machine = machines[architecture]
  if (machine === undefined) throw new Error(`no images for ${architecture}; there are: ${Object.keys(machines)}`)
  const libc = pinned("libc6", architecture)
  const base = pinned("base-files", architecture)
  const authorities = pinned("ca-certificates", architecture)
  const { root } = unpacked(libc)
  const { interpreter, triplet, loader } = machine
  return {
    files: [
      { path: "/lib", target: "usr/lib" },
      { path: "/lib64", target: "usr/lib64" },
      { path: "/etc/group", content: `root:x:0:\nnonroot:x:${nonRoot}:\n` },
      { path: "/etc/nsswitch.conf", content: "passwd: files\ngroup: files\nhosts: files dns\n" },
      { path: "/etc/os-release", target: "../usr/lib/os-release" },
      {
        path: "/etc/passwd",
        content: `root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:${nonRoot}:${nonRoot}:nonroot:/:/sbin/nologin\n`,
      },
      { path: "/etc/ssl/certs/ca-certificates.crt", content: bundle(unpacked(authorities).root) },
      ...[loader, ...libraries].map((name): ImageFile => {
        const path = `/usr/lib/${triplet}/${name}`
        return { path, source: join(root, path), mode: 0o755 }
      }),
      { path: interpreter, target: readlinkSync(join(root, interpreter)) },
      { path: "/usr/lib/os-release", source: join(unpacked(base).root, "usr/lib/os-release") },
      ...[base, authorities, libc].flatMap((one): ImageFile[] => [
        {
          path: `/usr/share/doc/${one.name}/copyright`,
          source: join(unpacked(one).root, `usr/share/doc/${one.name}/copyright`),
        },
        { path: `/var/lib/dpkg/status.d/${one.name}`, source: unpacked(one).control },
      ]),
    ],
    directories: [
      { path: "/tmp", mode: 0o1777 },
      { path: "/usr/lib64", mode: 0o755 },
    ],
  }
}

/** As update-ca-certificates makes it of all that Mozilla trusts. */
const bundle = (root: string): string => {
  const folder = join(root, "usr/share/ca-certificates/mozilla")
  const texts = readdirSync(folder).sort()
  return texts.map((name) => `${readFileSync(join(folder, name), "utf8").trimEnd()}\n`).join("")
}
