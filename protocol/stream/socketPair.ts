import { randomBytes } from "node:crypto"
import { rmSync } from "node:fs"
import { chmod, mkdtemp, rm } from "node:fs/promises"
import net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

/**
 * Where the pair meets for the moment of its making.
 * `abstract`: a name without a file (Linux); only where every process of the network namespace is our own, as in a pod, since any local user can connect to it.
 * `private`: a socket of mode 0600 in a directory of mode 0700: on a user's machine.
 */
export type Meeting = "abstract" | "private"

/** `abstract` cannot be had outside Linux. */
export class MeetingUnavailable extends Error {
  readonly _tag = "MeetingUnavailable"
  override readonly name = "MeetingUnavailable"
}

/** Somebody else connected to the meeting place first. Nothing was exchanged with them. */
export class StrangerConnected extends Error {
  readonly _tag = "StrangerConnected"
  override readonly name = "StrangerConnected"
}

/** Directories of pairs in the making: a process that exits in that moment takes them along. */
const unfinished = new Set<string>()
process.on("exit", () => {
  for (const directory of unfinished) rmSync(directory, { recursive: true, force: true })
})

const meetingPlace = async (meeting: Meeting): Promise<{ path: string; remove: () => Promise<void> }> => {
  if (meeting === "abstract") {
    if (process.platform !== "linux")
      throw new MeetingUnavailable(`abstract socket names on ${process.platform}: only Linux has them`)
    return { path: `\0clusterconnect-${randomBytes(16).toString("hex")}`, remove: async () => {} }
  }
  if (process.platform === "win32")
    return { path: `\\\\.\\pipe\\clusterconnect-${randomBytes(16).toString("hex")}`, remove: async () => {} }
  const directory = await mkdtemp(join(tmpdir(), "clusterconnect-pair-"))
  unfinished.add(directory)
  const remove = async () => {
    await rm(directory, { recursive: true, force: true })
    unfinished.delete(directory)
  }
  try {
    // mkdtemp makes it 0700 already; a umask-proof statement of what the security rests on.
    await chmod(directory, 0o700)
  } catch (error) {
    await remove()
    throw error
  }
  return { path: join(directory, "s"), remove }
}

const listening = (server: net.Server, path: string) =>
  new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(path, () => {
      server.off("error", reject)
      resolve()
    })
  })

const connected = (path: string) =>
  new Promise<net.Socket>((resolve, reject) => {
    const socket = net.connect({ path, allowHalfOpen: true })
    socket.once("error", reject)
    socket.once("connect", () => {
      socket.off("error", reject)
      resolve(socket)
    })
  })

/**
 * Two connected sockets of this process, real ones, so that TLS over either has true back pressure in both directions.
 * Both are half-open capable. The listener and its file are gone when this resolves.
 * @throws {MeetingUnavailable} for `abstract` outside Linux
 * @throws {StrangerConnected} when another process took the one connection
 */
export const socketPair = async (meeting: Meeting = "private"): Promise<[net.Socket, net.Socket]> => {
  const { path, remove } = await meetingPlace(meeting)
  const server = net.createServer({ allowHalfOpen: true })
  const arrivals: net.Socket[] = []
  let ours: net.Socket | undefined
  try {
    await listening(server, path)
    if (meeting === "private" && process.platform !== "win32") await chmod(path, 0o600)
    const arrival = new Promise<void>((resolve) =>
      server.on("connection", (socket) => {
        arrivals.push(socket)
        resolve()
      }),
    )
    ours = await connected(path)
    await arrival
    const theirs = arrivals[0]!
    // With a stranger the first arrival might be theirs: only a single one is known to be ours.
    if (arrivals.length !== 1) throw new StrangerConnected("a second connection came to the pair's meeting place")
    return [ours, theirs]
  } catch (error) {
    ours?.destroy()
    for (const socket of arrivals) socket.destroy()
    throw error
  } finally {
    server.close()
    await remove()
  }
}
