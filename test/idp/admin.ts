import { createServer, type IncomingMessage, request, type Server } from "node:http"
import type { Claims, IdentityProvider, MintOptions } from "./IdentityProvider.ts"

/** What another process may ask of a running provider. Keys do not travel: forgeries are made where the test is. */
export interface IdentityProviderAdmin {
  readonly mint: (claims: Claims, options: Omit<MintOptions, "key">) => Promise<string>
  readonly rotateKeys: (options?: { readonly withdrawOld?: boolean }) => Promise<void>
  readonly shiftClock: (seconds: number) => Promise<void>
}

/** Serves {@link IdentityProviderAdmin} over HTTP on a Unix socket: reachable from every network namespace, by nobody from outside. */
export const serveAdmin = async (provider: IdentityProvider, socketPath: string): Promise<Server> => {
  const server = createServer(async (incoming, response) => {
    try {
      const answer = await act(provider, incoming.url ?? "", await readJson(incoming))
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer))
    } catch (error) {
      response.writeHead(400, { "content-type": "text/plain" }).end(String(error))
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(socketPath, resolve)
  })
  return server
}

const act = async (provider: IdentityProvider, path: string, body: Record<string, unknown>): Promise<object> => {
  if (path === "/mint")
    return { token: await provider.mint((body.claims ?? {}) as Claims, body.options as MintOptions) }
  if (path === "/rotate") await provider.rotateKeys({ withdrawOld: body.withdrawOld === true })
  else if (path === "/clock") provider.shiftClock(Number(body.seconds))
  else throw new Error(`no such call: ${path}`)
  return {}
}

/** Speaks to a provider that runs in another process. */
export const adminOf = (socketPath: string): IdentityProviderAdmin => {
  const call = (path: string, body: object) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const outgoing = request({ socketPath, path, method: "POST", agent: false }, (response) => {
        const chunks: Buffer[] = []
        response.on("data", (chunk: Buffer) => chunks.push(chunk))
        response.on("error", reject)
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8")
          if (response.statusCode === 200) resolve(JSON.parse(text) as Record<string, unknown>)
          else reject(new Error(text))
        })
      })
      outgoing.on("error", reject)
      outgoing.end(JSON.stringify(body))
    })
  return {
    mint: async (claims, options) => String((await call("/mint", { claims, options })).token),
    rotateKeys: async (options = {}) => void (await call("/rotate", options)),
    shiftClock: async (seconds) => void (await call("/clock", { seconds })),
  }
}

const readJson = async (incoming: IncomingMessage): Promise<Record<string, unknown>> => {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString("utf8") || "{}") as Record<string, unknown>
}
