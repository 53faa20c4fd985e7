import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { type Daemon, startDaemon } from "../process/Daemon.ts"
import { identityOf, type ProcessIdentity } from "../process/processIdentity.ts"
import { namespaceName } from "./networkNamespace.ts"

/**
 * The anchor is process 1 of the instance's own pid and mount namespaces. Whatever the cluster starts, shims and pods
 * included, dies with it, and every mount goes with the last of them: one kill ends an instance, however it was left.
 */
export interface Anchor {
  readonly daemon: Daemon
  /** Process 1 of the namespaces, as this process sees it. */
  readonly init: ProcessIdentity
}

/** Name of process 1 in the instance's record. */
export const INIT = "init"

/**
 * kubelet, containerd and shims keep some paths whatever their flags say (/run/containerd/s, /var/log/containers,
 * /var/lib/kubelet/device-plugins): they get the instance's own instead of the machine's.
 * $1 is the instance's directory, $2 its level. The pid is read before /proc is replaced, while it is still the machine's.
 */
const SCRIPT = `set -e
read -r pid rest < /proc/self/stat
mount -t proc proc /proc
mount --bind "$1/run" /run
mount --bind "$1/log" /var/log
mount --bind "$1/hosts" /etc/hosts
mount --bind "$1/resolv.conf" /etc/resolv.conf
if [ "$2" = node ]; then
  mount -t overlay overlay -o "lowerdir=/var/lib,upperdir=$1/var-lib/upper,workdir=$1/var-lib/work" /var/lib
fi
echo "$pid" > "$1/anchor.pid"
sleep infinity &
wait
`

/** A handful of mounts; more than this means a machine that is out of everything. */
const READY_MILLIS = 10_000

/** Expects the files hosts and resolv.conf in the directory. Not detached: all ends the moment this process does. */
export async function startAnchor(options: {
  readonly instance: number
  readonly directory: string
  readonly level: string
  readonly detached: boolean
}): Promise<Anchor> {
  const { instance, directory, level, detached } = options
  for (const name of ["run", "log", "var-lib/upper", "var-lib/work"]) {
    mkdirSync(join(directory, name), { recursive: true })
  }
  const daemon = startDaemon({
    name: "anchor",
    endsWithUs: !detached,
    logFile: join(directory, "anchor.log"),
    command: [
      ...(["nsenter", `--net=/run/netns/${namespaceName(instance)}`, "--"] as const),
      ...["unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--propagation", "private", "--"],
      ...["sh", "-c", SCRIPT, "sh", directory, level],
    ],
  })
  const init = await daemon.until("its namespaces", READY_MILLIS, async () => {
    const pid = readPid(join(directory, "anchor.pid"))
    return pid === undefined ? undefined : identityOf(pid)
  })
  return { daemon, init }
}

/** Runs a program of the cluster in all of the instance's namespaces, the machine's paths masked. */
export function anchoredCommand(anchor: Anchor, command: readonly string[]): readonly [string, ...string[]] {
  return ["nsenter", "--target", `${anchor.init.pid}`, "--net", "--mount", "--pid", "--", ...command]
}

/** Binds the instance's names over the machine's, then becomes the program: the pid stays the one that was started. */
const NAMES_SCRIPT = `mount --bind "$1/hosts" /etc/hosts && mount --bind "$1/resolv.conf" /etc/resolv.conf && shift && exec "$@"`

/** Runs a test's program inside: the cluster's network and names, the machine's processes and files. */
export function insideCommand(
  namespace: string,
  directory: string,
  command: readonly string[],
): readonly [string, ...string[]] {
  return [
    ...(["nsenter", `--net=/run/netns/${namespace}`, "--"] as const),
    ...["unshare", "--mount", "--propagation", "private", "--"],
    ...["sh", "-c", NAMES_SCRIPT, "sh", directory],
    ...command,
  ]
}

function readPid(file: string): number | undefined {
  try {
    const text = readFileSync(file, "utf8")
    return text.endsWith("\n") ? Number(text) : undefined
  } catch {
    return undefined
  }
}
