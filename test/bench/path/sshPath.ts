import { writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { mustRun } from "../../cluster/process/runProgram.ts"
import { eventually } from "../../world/eventually.ts"
import { freePort, type Ground } from "./ground.ts"
import type { Path } from "./Target.ts"

/** `ssh -R` from the cluster's side to an sshd beside the client: what most people use who cannot dial in. Debian's openssh, own keys. */
export const startSsh = async (ground: Ground): Promise<Path> => {
  const { place, directory, start, stubPort } = ground
  const file = (name: string) => join(directory, name)
  for (const key of ["ssh-host-key", "ssh-user-key"])
    await mustRun("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file(key)])
  const [port, forwarded] = [await freePort(place.near), await freePort("127.0.0.1")]
  writeFileSync(
    file("sshd_config"),
    [
      `ListenAddress ${place.near}:${port}`,
      `HostKey ${file("ssh-host-key")}`,
      `AuthorizedKeysFile ${file("ssh-user-key.pub")}`,
      ...[
        "PidFile none",
        "UsePAM no",
        "StrictModes no",
        "PasswordAuthentication no",
        "PermitRootLogin prohibit-password",
      ],
    ].join("\n"),
  )
  await mustRun("mkdir", ["-p", "/run/sshd"])
  const server = start("sshd", "/usr/sbin/sshd", ["-D", "-e", "-f", file("sshd_config")], false)
  await server.until("sshd listens", (_line, text) => (text.startsWith("Server listening") ? true : undefined))
  const options = [
    "ExitOnForwardFailure=yes",
    "StrictHostKeyChecking=no",
    `UserKnownHostsFile=${file("known")}`,
    "BatchMode=yes",
  ]
  const client = start(
    "ssh",
    "ssh",
    [
      ...["-F", "none", "-N", "-i", file("ssh-user-key"), "-p", `${port}`],
      ...options.flatMap((option) => ["-o", option]),
      ...["-R", `127.0.0.1:${forwarded}:127.0.0.1:${stubPort}`, `root@${place.near}`],
    ],
    true,
  )
  await eventually(
    "ssh -R listens",
    20_000,
    () =>
      new Promise<{ readonly done: true } | { readonly seen: unknown }>((resolve) => {
        const socket = connect(forwarded, "127.0.0.1")
        socket.once("connect", () => {
          socket.destroy()
          resolve({ done: true })
        })
        socket.once("error", () => resolve({ seen: [...server.log, ...client.log].slice(-3) }))
      }),
  )
  const children = (await mustRun("ps", ["-e", "-o", "pid=,ppid=,comm="]))
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
  // sshd forks a process per connection, and that one its unprivileged part.
  const below = (pid: number): number[] => {
    const own = children.filter(([, parent]) => Number(parent) === pid).map(([child]) => Number(child))
    return [...own, ...own.flatMap(below)]
  }
  const pids = Object.fromEntries(below(server.pid).map((pid, index) => [`sshd ${index}`, pid]))
  return {
    name: "ssh -R",
    target: { host: "127.0.0.1", port: forwarded, ca: ground.caPem },
    pids: () => ({ ssh: client.pid, ...pids }),
  }
}
