import { readFileSync } from "node:fs"
import https from "node:https"

/** One GET as cluster admin: the body of a 200, undefined for everything else ("not yet"). */
export type AdminGet = (path: string) => Promise<string | undefined>

/** Small requests of a starting cluster answer at once or not at all. */
const ANSWER_MILLIS = 5_000

/** Uses the first server and user of a kubeconfig that this harness wrote. */
export function adminGet(kubeconfigPath: string): AdminGet {
  const { clusters, users } = JSON.parse(readFileSync(kubeconfigPath, "utf8")) as KubeconfigShape
  const pem = (text: string) => Buffer.from(text, "base64").toString("utf8")
  const options: https.RequestOptions = {
    ca: pem(clusters[0].cluster["certificate-authority-data"]),
    cert: pem(users[0].user["client-certificate-data"]),
    key: pem(users[0].user["client-key-data"]),
    rejectUnauthorized: true,
    agent: false,
    timeout: ANSWER_MILLIS,
  }
  const { server } = clusters[0].cluster
  return (path) =>
    new Promise((resolve) => {
      const request = https.request(`${server}${path}`, options, (response) => {
        const body: Buffer[] = []
        response.on("data", (chunk: Buffer) => body.push(chunk))
        response.once("end", () =>
          resolve(response.statusCode === 200 ? Buffer.concat(body).toString("utf8") : undefined),
        )
        response.once("error", () => resolve(undefined))
      })
      request.once("timeout", () => request.destroy(new Error("no answer")))
      request.once("error", () => resolve(undefined))
      request.end()
    })
}

interface KubeconfigShape {
  readonly clusters: readonly [{ cluster: { server: string; "certificate-authority-data": string } }]
  readonly users: readonly [{ user: { "client-certificate-data": string; "client-key-data": string } }]
}
