import { readdir, readFile } from "node:fs/promises"
import type { IncomingMessage } from "node:http"
import https from "node:https"
import { join } from "node:path"
import type { Duplex, Readable } from "node:stream"
import { parse } from "yaml"
import type { Home } from "../../proxy/testing/ProxyProcess.ts"

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: Readonly<Record<string, string>> }[]
  readonly users: readonly { readonly user: { readonly token: string } }[]
}

/** Where a request goes as kubectl makes it, with the kubeconfig that a running proxy of this home wrote. */
const addressed = async (home: Home, target: string): Promise<readonly [URL, https.RequestOptions]> => {
  const directory = join(home.state, "kubeconfig")
  const [file = ""] = await readdir(directory)
  const { clusters, users } = parse(await readFile(join(directory, file), "utf8")) as Kubeconfig
  const { server = "", "certificate-authority-data": authority = "" } = clusters[0]?.cluster ?? {}
  const options = {
    agent: false,
    ca: Buffer.from(authority, "base64"),
    rejectUnauthorized: true,
    headers: { authorization: `Bearer ${users[0]?.user.token}` },
  }
  return [new URL(target, server), options]
}

/** The head of an answer. */
const begun = async (home: Home, target: string): Promise<IncomingMessage> => {
  const [url, options] = await addressed(home, target)
  return await new Promise((resolve, reject) => {
    https.get(url, options, resolve).on("error", reject)
  })
}

export const ask = async (home: Home, target: string) => {
  const answer = await begun(home, target)
  await new Promise((resolve, reject) => answer.resume().once("end", resolve).once("error", reject))
  return { status: answer.statusCode ?? 0, headers: answer.headers }
}

/** A request whose answer does not end. */
export const watch = async (home: Home, target: string) => {
  const answer = await begun(home, target)
  return { ...heard(answer, "watch"), close: () => answer.destroy() }
}

/** An upgraded connection, as exec's. */
export const exec = async (home: Home, target: string) => {
  const [url, options] = await addressed(home, target)
  const headers = { ...options.headers, connection: "Upgrade", upgrade: "SPDY/3.1" }
  const socket = await new Promise<Duplex>((resolve, reject) => {
    const request = https.request(url, { ...options, method: "POST", headers })
    request.once("upgrade", (_answer, upgraded) => resolve(upgraded)).once("error", reject)
    request.once("response", ({ statusCode }) => reject(new Error(`no upgrade but ${statusCode}`)))
    request.end()
  })
  return { ...heard(socket, "exec"), write: (text: string) => socket.write(text), close: () => socket.destroy() }
}

/** What comes from the other side, from now on. */
const heard = (from: Readable, what: string) => {
  let text = ""
  let look = () => {}
  let end: Error | undefined
  from.on("data", (chunk: Buffer) => {
    text += chunk.toString()
    look()
  })
  from.on("error", () => {})
  from.on("close", () => {
    end = new Error(`the ${what} ended after ${JSON.stringify(text)}`)
    look()
  })
  return {
    says: (expected: string) =>
      new Promise<void>((resolve, reject) => {
        look = () => {
          if (text.includes(expected)) resolve()
          else if (end !== undefined) reject(end)
        }
        look()
      }),
  }
}
