import { stringify } from "yaml"

/** What krew calls the machines that `kubectl` runs on, with our names for them. Krew knows no musl. */
export const krewPlatforms = [
  { os: "linux", arch: "amd64", target: "linux-x64" },
  { os: "linux", arch: "arm64", target: "linux-arm64" },
  { os: "darwin", arch: "amd64", target: "darwin-x64" },
  { os: "darwin", arch: "arm64", target: "darwin-arm64" },
  { os: "windows", arch: "amd64", target: "windows-x64" },
  { os: "windows", arch: "arm64", target: "windows-arm64" },
] as const

export const krewArchive = (target: string): string => `kubectl-clusterconnect-${target}.tar.gz`

/** The plugin's manifest (krew.googlecontainertools.github.com/v1alpha2). `sha256` is asked for each archive's name. */
export const krewManifest = (version: string, downloads: string, sha256: (archive: string) => string): string =>
  stringify({
    apiVersion: "krew.googlecontainertools.github.com/v1alpha2",
    kind: "Plugin",
    metadata: { name: "clusterconnect" },
    spec: {
      version: `v${version}`,
      shortDescription: "Reach clusters without an inbound port",
      description:
        "Serves API servers of clusters that only dial out at a local endpoint,\nas yourself, through a relay that can read none of it.\n",
      platforms: krewPlatforms.map(({ os, arch, target }) => ({
        selector: { matchLabels: { os, arch } },
        uri: `${downloads.replace(/\/$/, "")}/${krewArchive(target)}`,
        sha256: sha256(krewArchive(target)),
        bin: `kubectl-clusterconnect${os === "windows" ? ".exe" : ""}`,
        files: [
          { from: `kubectl-clusterconnect${os === "windows" ? ".exe" : ""}`, to: "." },
          { from: "LICENSE", to: "." },
        ],
      })),
    },
  })
