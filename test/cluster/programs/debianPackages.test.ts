import { describe, expect, test } from "bun:test"
import { ensurePackages, missingPackages, PackagesMissing } from "./debianPackages.ts"

describe("system packages", () => {
  test("on an empty machine each level, and the benches, name all that they need, under Debian's names", () => {
    expect(missingPackages("control-plane", () => false)).toEqual(["util-linux", "iproute2", "nftables"])
    expect(missingPackages("node", () => false)).toEqual(
      expect.arrayContaining(["util-linux", "iproute2", "nftables", "gcc", "libseccomp-dev", "busybox-static"]),
    )
    expect(missingPackages("bench", () => false)).toEqual([
      ...["iproute2", "gcc", "libc6-dev", "openssh-server", "openssh-client", "procps"],
    ])
  })

  test("that cannot be installed are named, nothing is tried", async () => {
    const machine = { exists: (what: string) => what !== "nft", mayInstall: false }
    const said: string[] = []
    const refusal = await ensurePackages("node", (line) => said.push(line), machine).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(PackagesMissing)
    expect((refusal as Error).message).toContain("nftables")
    expect(said).toEqual([])
  })

  test("a package is missing only while none of its places has it", () => {
    expect(missingPackages("node", (what) => what !== "nft")).toEqual(["nftables"])
    expect(missingPackages("node", (what) => what !== "/bin/busybox")).toEqual([])
    expect(missingPackages("node", (what) => !what.endsWith("/busybox"))).toEqual(["busybox-static"])
  })
})
