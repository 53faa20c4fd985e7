import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import { Either } from "effect"
import type { AdmissionRefusal } from "../exchange/admit.ts"
import { closeAfterAnswer, refuseUpgrade, responseHead } from "../exchange/answer.ts"
import type { UpgradeProtocol } from "../exchange/framing.ts"
import { headerLines, listOf } from "../exchange/Incoming.ts"
import { sessions } from "../metrics.ts"
import { upstreamRefusal } from "./failure.ts"
import type { Passage } from "./forward.ts"
import { LastFrame } from "./LastFrame.ts"
import { ApiServerAnswerRefused, ServiceAccountRefused } from "./refusals.ts"
import { requestHeaders } from "./requestHeaders.ts"
import { hasBody, isDelimited, isFinalStatus, responseHeaders } from "./responseHeaders.ts"
import { spliceSockets } from "./splice.ts"

/**
 * Sends an upgrade request over a connection of its own. Nothing that the client sent behind its head goes on before a real
 * 101 to the protocol that was asked for; any other answer is relayed and ends both connections (CVE-2018-1002105).
 */
export const forwardUpgrade = (passage: Passage, upgrade: UpgradeProtocol, socket: Socket, head: Buffer): void => {
  const { admitted, api, account, clientAddress, maxSessionMillis, relief } = passage
  const { method, target } = admitted.incoming
  const headers = requestHeaders(admitted, api, { auditId: account.auditId, clientAddress })
  if (Either.isLeft(headers)) return void refuseUpgrade(socket, headers.left, account)
  account.sentAs(admitted.caller)
  const upstream = api.request({ method, target, headers: headers.right, own: true })
  let answered = false
  const sessionEnd = setTimeout(() => over("session-limit"), maxSessionMillis)
  const endRelief = relief.add({
    caller: account.subjectHash,
    waiting: () => Math.max(socket.writableLength, upstream.socket?.writableLength ?? 0),
    cut: () => over("memory-short"),
  })
  const over = (why?: string) => {
    clearTimeout(sessionEnd)
    endRelief()
    account.settle(why)
    upstream.destroy()
    upstream.socket?.destroy()
    if (why === undefined) socket.destroy()
    else passage.abort(why)
  }
  socket.once("close", () => over(answered ? undefined : "client-gone"))
  const refuse = (refused: AdmissionRefusal) => {
    if (answered) return over(refused._tag)
    answered = true
    upstream.destroy()
    upstream.socket?.destroy()
    refuseUpgrade(socket, refused, account)
  }
  upstream.on("error", (error: NodeJS.ErrnoException) => {
    if (answered) over("api-server-connection-lost")
    else refuse(upstreamRefusal(api, upstream, method, error))
  })
  upstream.on("response", (answer) => {
    if (answered) return void answer.destroy()
    const status = answer.statusCode ?? 0
    if (status === 401) {
      api.files.reread()
      return refuse(new ServiceAccountRefused({}))
    }
    if (!isFinalStatus(status))
      return refuse(new ApiServerAnswerRefused({ detail: `an upgrade answered with ${status}` }))
    if (!isDelimited(method, answer))
      return refuse(new ApiServerAnswerRefused({ detail: "it has neither a length nor chunks" }))
    answered = true
    account.answered(status, "api-server")
    relayAnswer(answer, method, socket, passage, () => over("api-server-answer-cut"))
  })
  upstream.on("upgrade", (answer, server: Socket, first: Buffer) => {
    const fault = answered ? "a second answer" : switchFault(answer, upgrade)
    if (fault !== undefined) {
      server.destroy()
      return refuse(new ApiServerAnswerRefused({ detail: fault }))
    }
    answered = true
    account.answered(101, "api-server")
    sessions.add(1)
    socket.write(switchHead(answer, account.timing()), "latin1")
    const lastFrame = new LastFrame()
    account.switched(lastFrame)
    lastFrame.heard(first)
    server.on("data", (chunk: Buffer) => lastFrame.heard(chunk))
    if (first.length > 0) {
      account.sent(first.length)
      socket.write(first)
    }
    if (head.length > 0) {
      account.received(head.length)
      server.write(head)
    }
    spliceSockets(socket, server, account, (cut) => {
      sessions.add(-1)
      over(cut)
    })
  })
  upstream.end()
}

/** Why an answer is no switch to the protocol asked for; undefined when it is. */
const switchFault = ({ statusCode, rawHeaders }: IncomingMessage, upgrade: UpgradeProtocol): string | undefined => {
  if (statusCode !== 101) return `status ${statusCode} with an upgrade`
  const protocols = listOf(rawHeaders, "upgrade").map((protocol) => protocol.toLowerCase())
  if (protocols.length !== 1 || protocols[0] !== upgrade.toLowerCase())
    return "it switched to another protocol than the one asked for"
  const connection = listOf(rawHeaders, "connection").map((member) => member.toLowerCase())
  return connection.includes("upgrade") ? undefined : "its Connection header does not name Upgrade"
}

const switchHead = ({ rawHeaders }: IncomingMessage, timing: string): string => {
  const [protocol = ""] = headerLines(rawHeaders).flatMap(([name, value]) =>
    name.toLowerCase() === "upgrade" ? [value] : [],
  )
  const headers = ["Connection", "Upgrade", "Upgrade", protocol, ...responseHeaders(rawHeaders, timing)]
  return responseHead(101, headers)
}

/** An answer that is no 101, chunked anew: it ends properly only if it came completely. Then the connection closes. */
const relayAnswer = (
  answer: IncomingMessage,
  method: string,
  socket: Socket,
  { account }: Passage,
  cut: () => void,
): void => {
  const status = answer.statusCode ?? 0
  const body = hasBody(method, status)
  const kept = responseHeaders(answer.rawHeaders, account.timing())
  const headers = kept.filter((_, index) => !body || kept[index - (index % 2)]?.toLowerCase() !== "content-length")
  const framing = body ? ["Transfer-Encoding", "chunked"] : []
  socket.write(responseHead(status, [...headers, ...framing, "Connection", "close"]), "latin1")
  answer.on("data", (chunk: Buffer) => {
    account.sent(chunk.length)
    socket.write(`${chunk.length.toString(16)}\r\n`)
    socket.write(chunk)
    if (socket.write("\r\n")) return
    answer.pause()
    socket.once("drain", () => answer.resume())
  })
  answer.on("error", cut)
  answer.once("close", () => answer.complete || cut())
  answer.once("end", () => {
    if (!answer.complete) return cut()
    socket.end(body ? "0\r\n\r\n" : "")
    closeAfterAnswer(socket)
  })
}
