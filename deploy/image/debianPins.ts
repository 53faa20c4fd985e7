/** A file of Debian's archive, for `bun deploy/image/repin.ts` to write and for nobody else. */
export interface DebianPackage {
  readonly name: string
  readonly version: string
  /** GOARCH or "all", which are Debian's words too. */
  readonly architecture: string
  /** Path below the archive's root. */
  readonly path: string
  /** Of the file; hexadecimal. */
  readonly sha256: string
}

/** Debian's release that the images are made of. */
export const debianRelease = "trixie"

export const debianPins: readonly DebianPackage[] = [
  {
    name: "ca-certificates",
    version: "20250419+deb13u1",
    architecture: "all",
    path: "pool/main/c/ca-certificates/ca-certificates_20250419+deb13u1_all.deb",
    sha256: "c10585ac22c7f617a73d394eea29ba71d0356f350ae973b19043d1b017f80f54",
  },
  {
    name: "base-files",
    version: "13.8+deb13u8",
    architecture: "amd64",
    path: "pool/main/b/base-files/base-files_13.8+deb13u8_amd64.deb",
    sha256: "f5a0546098f38bad5843380521781fe7214e5a283d3bed63f79c505545f262af",
  },
  {
    name: "libc6",
    version: "2.41-12+deb13u5",
    architecture: "amd64",
    path: "pool/main/g/glibc/libc6_2.41-12+deb13u5_amd64.deb",
    sha256: "b59b0625cd1a791375d40dab23a4d5d3d0641e3d0a773501becdc3725b7f99cf",
  },
  {
    name: "base-files",
    version: "13.8+deb13u8",
    architecture: "arm64",
    path: "pool/main/b/base-files/base-files_13.8+deb13u8_arm64.deb",
    sha256: "893616b7ce203a05a0528652f7d754cc5e3de7e8eff3b396f95383a5b8b1c668",
  },
  {
    name: "libc6",
    version: "2.41-12+deb13u5",
    architecture: "arm64",
    path: "pool/main/g/glibc/libc6_2.41-12+deb13u5_arm64.deb",
    sha256: "0966fc3da1a26cc57647c68b5736f791b6e7eb498173a7993f63b6c89b4ed4f5",
  },
]
