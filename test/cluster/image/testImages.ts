import { existsSync } from "node:fs"
import { mustRun } from "../process/runProgram.ts"
import { PackagesMissing } from "../programs/debianPackages.ts"
import { libraryClosure } from "./libraryClosure.ts"
import { ociImage } from "./ociImage.ts"

/** busybox with all its applets (sh, httpd, tar, sleep, wget, nc, nslookup …): loaded into every cluster of level node. */
export const BUSYBOX_IMAGE = "clusterconnect.test/busybox:1"
/** What containerd runs to hold a pod's namespaces. */
export const PAUSE_IMAGE = "clusterconnect.test/pause:1"

/** Nothing in the pause container needs a user that exists. */
const NOBODY = "65535:65535"

/** Debian's busybox-static puts it into either, depending on whether /bin is merged; the package busybox, dynamically linked, will do. */
const BUSYBOX_PATHS = ["/bin/busybox", "/usr/bin/busybox"]

export async function writeBusyboxImage(output: string): Promise<void> {
  const source = busybox()
  const applets = (await mustRun(source, ["--list"])).split("\n").filter((name) => name !== "" && name !== "busybox")
  await ociImage({
    name: BUSYBOX_IMAGE,
    output,
    files: [
      ...(await libraryClosure(source, "/bin/busybox")),
      ...applets.map((name) => ({ path: `/bin/${name}`, target: "/bin/busybox" })),
      { path: "/etc/passwd", content: "root:x:0:0:root:/:/bin/sh\nnonroot:x:65532:65532:nonroot:/tmp:/bin/sh\n" },
      { path: "/etc/group", content: "root:x:0:\nnonroot:x:65532:\n" },
    ],
    directories: [{ path: "/tmp", mode: 0o1777 }],
    entrypoint: ["/bin/sh"],
  })
}

export async function writePauseImage(output: string): Promise<void> {
  await ociImage({
    name: PAUSE_IMAGE,
    output,
    files: await libraryClosure(busybox(), "/bin/busybox"),
    entrypoint: ["/bin/busybox", "sleep", "infinity"],
    user: NOBODY,
  })
}

function busybox(): string {
  const found = BUSYBOX_PATHS.find((path) => existsSync(path))
  if (found === undefined) throw new PackagesMissing("no busybox in /bin: Debian's package busybox-static has it")
  return found
}
