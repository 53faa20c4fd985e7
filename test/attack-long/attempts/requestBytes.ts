import { smuggledMark } from "../judge/AuditJudge.ts"
import { edited } from "../plans/byteEdits.ts"
import type { RequestPlan } from "../plans/requestPlan.ts"

const hidden = `GET /api/v1/secrets?${smuggledMark} HTTP/1.1\r\nHost: x\r\nUser-Agent: ${smuggledMark}\r\nImpersonate-User: system:admin\r\nImpersonate-Group: system:masters\r\n\r\n`
const review = '{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectRulesReview","spec":{"namespace":"default"}}'
const bearerSubprotocol = "base64url.bearer.authorization.k8s.io."

const credentialLines = (how: RequestPlan["credential"], token: string): readonly string[] => {
  const header = `Authorization: Bearer ${token}`
  const upgrade = [
    ...["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    `Sec-WebSocket-Protocol: v5.channel.k8s.io, ${bearerSubprotocol}${Buffer.from(token, "latin1").toString("base64url")}`,
  ]
  switch (how) {
    case "authorization":
      return [header]
    case "subprotocol":
      return upgrade
    case "both":
      return [header, ...upgrade]
    case "twice":
      return [header, header]
    case "basic":
      return [`Authorization: Basic ${Buffer.from(`x:${token}`, "latin1").toString("base64")}`]
    case "none":
      return []
  }
}

const framed = ({ body, bytes }: RequestPlan): readonly [lines: readonly string[], text: string] => {
  const json = "Content-Type: application/json"
  switch (body) {
    case "none":
      return [[], ""]
    case "review":
      return [[json, `Content-Length: ${review.length}`], review]
    case "chunked":
      return [[json, "Transfer-Encoding: chunked"], `${review.length.toString(16)}\r\n${review}\r\n0\r\n\r\n`]
    case "smuggled":
      return [[json, "Content-Length: 5", "Transfer-Encoding: chunked"], `0\r\n\r\n${hidden}`]
    case "bytes":
      return [[`Content-Length: ${bytes.length}`], `${Buffer.from(bytes).toString("latin1")}${hidden}`]
  }
}

/** The bytes of a planned request. `mark` stands in its query and in its User-Agent. */
export const requestBytes = (plan: RequestPlan, mark: string, token: string): Buffer => {
  const [lines, body] = framed(plan)
  const head = [
    `${plan.method} ${plan.target.replaceAll("MARK", mark)} ${plan.version}`,
    "Host: edge-1.clusterconnect.internal",
    `User-Agent: ${mark}`,
    ...credentialLines(plan.credential, token),
    ...plan.lines,
    ...lines,
  ]
  return edited(Buffer.from([...head, "", body].join("\r\n"), "utf8"), plan.edits)
}
