import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Instance } from "../instance/createInstance.ts"
import type { ClusterFiles } from "./clusterFiles.ts"
import { startInside } from "./startInside.ts"

/** CoreDNS waits up to five seconds for its first lists. */
const START_MILLIS = 30_000

/** How soon a name given by addAddressName is served. */
const HOSTS_RELOAD = "200ms"

/** An empty root zone: a name that nobody has is NXDOMAIN at once; the hosts plugin alone would say SERVFAIL, which clients try again. */
const ROOT_ZONE = `. 5 IN SOA ns.cluster.local. admin.cluster.local. 1 3600 600 3600 5
. 5 IN NS ns.cluster.local.
`

/** Starts CoreDNS on the inside address: Services and pods of cluster.local, and the names of the instance's hosts file. */
export async function startDns(instance: Instance, files: ClusterFiles, programs: string): Promise<void> {
  writeFileSync(files.path("root.zone"), ROOT_ZONE)
  writeFileSync(
    files.path("Corefile"),
    `. {
  bind ${instance.range.inside}
  errors
  hosts ${files.path("hosts")} {
    ttl 1
    reload ${HOSTS_RELOAD}
    no_reverse
    fallthrough
  }
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    kubeconfig ${files.kubeconfig("coredns")}
    pods insecure
    ttl 1
  }
  file ${files.path("root.zone")} .
}
`,
  )
  const daemon = startInside(instance, "coredns", [join(programs, "coredns"), "-conf", files.path("Corefile")])
  await daemon.until("CoreDNS's banner", START_MILLIS, async () =>
    /^CoreDNS-/m.test(readFileSync(daemon.logFile, "utf8")) ? true : undefined,
  )
}
