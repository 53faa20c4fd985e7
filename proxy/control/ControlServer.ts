import { chmod, rename, rm, writeFile } from "node:fs/promises"
import net from "node:net"
import { dirname, join } from "node:path"
import { makePrivateDirectory } from "../../platform/files.ts"
import { type Ask, askFrom, maxAskBytes, type ProxyStatus } from "./controlMessages.ts"
import { type ControlPlace, checkSocketPath, controlPlace, newControlName } from "./controlPlace.ts"

/** From a connection to its question. */
const askMillis = 5_000

/** What the proxy can be asked by processes of the same user. */
export interface ControlAnswers {
  readonly status: () => ProxyStatus
  /** The session credential of the cluster's endpoint; undefined when it is not served now. */
  readonly credential: (cluster: string) => string | undefined
  /** Begins the end of this process and returns at once. */
  readonly stop: () => void
}

/**
 * Answers questions, one line of JSON each, at a Unix socket in a folder that only this user may enter. A connection that asked the
 * proxy to stop stays open until the process is gone, so that its end is the proof of that.
 */
export class ControlServer {
  readonly place: ControlPlace
  readonly #server: net.Server

  private constructor(place: ControlPlace, server: net.Server) {
    this.place = place
    this.#server = server
  }

  /** With the hash of a kubeconfig's entry, if one is served. @throws {LocalFailure} when the folder's path is too long for a socket */
  static async listen(folder: string, answers: ControlAnswers, entry?: string): Promise<ControlServer> {
    const place = controlPlace(folder, newControlName(process.pid, entry))
    if (place === undefined) throw new TypeError("a process id is no number")
    checkSocketPath(place.file)
    await makePrivateDirectory(folder)
    const server = net.createServer((socket) => answer(socket, answers))
    if (process.platform === "win32") {
      await listening(server, place.address)
      await writeFile(place.file, "", { mode: 0o600 })
    } else {
      // Under its name only when it listens: one that refuses connections is taken for the rest of a killed proxy.
      const unnamed = join(dirname(place.file), `.${place.file.slice(-8)}`)
      await listening(server, unnamed)
      await chmod(unnamed, 0o600)
      await rename(unnamed, place.file)
    }
    server.on("error", () => {})
    return new ControlServer(place, server)
  }

  /** Takes no new connection. Those that wait for the end stay. */
  async close(): Promise<void> {
    this.#server.close()
    await rm(this.place.file, { force: true })
  }
}

const listening = (server: net.Server, path: string) =>
  new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(path, () => {
      server.off("error", reject)
      resolve()
    })
  })

const answer = (socket: net.Socket, answers: ControlAnswers): void => {
  let text = ""
  const timer = setTimeout(() => socket.destroy(), askMillis)
  timer.unref()
  socket.on("error", () => socket.destroy())
  socket.on("close", () => clearTimeout(timer))
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("utf8")
    const end = text.indexOf("\n")
    if (end < 0) {
      if (text.length > maxAskBytes) socket.destroy()
      return
    }
    clearTimeout(timer)
    const ask = askFrom(text.slice(0, end))
    text = ""
    if (ask === undefined) return void socket.destroy()
    socket.write(`${JSON.stringify(answerTo(ask, answers))}\n`, () => {
      if (ask.ask === "stop") answers.stop()
    })
  })
}

const answerTo = (ask: Ask, answers: ControlAnswers): object => {
  if (ask.ask === "status") return answers.status()
  if (ask.ask === "stop") return { ending: true }
  const credential = answers.credential(ask.cluster)
  return credential === undefined ? {} : { credential }
}
