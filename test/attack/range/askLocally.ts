import { readFileSync } from "node:fs"
import https from "node:https"
import { parse } from "yaml"

/** A request as kubectl makes it with this kubeconfig. */
export const askLocally = (
  kubeconfig: string,
  target: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: string }> => {
  const { clusters, users } = parse(readFileSync(kubeconfig, "utf8"))
  const { server, "certificate-authority-data": authority } = clusters[0].cluster
  const options = {
    agent: false,
    ca: Buffer.from(authority, "base64"),
    rejectUnauthorized: true,
    headers: { authorization: `Bearer ${users[0].user.token}`, ...headers },
  }
  return new Promise((resolve, reject) => {
    const request = https.get(new URL(target, server), options, (answer) => {
      let body = ""
      answer.on("data", (chunk: Buffer) => {
        body += chunk
      })
      answer.on("error", reject).on("end", () => resolve({ status: answer.statusCode ?? 0, body }))
    })
    request.on("error", reject).on("upgrade", (_answer, socket) => {
      socket.destroy()
      reject(new Error("the connection was switched"))
    })
  })
}
