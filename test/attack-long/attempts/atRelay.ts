import tls from "node:tls"
import { RawConnection } from "../../../agent/authproxy/testing/RawConnection.ts"
import { AuditJudge } from "../judge/AuditJudge.ts"
import { edited } from "../plans/byteEdits.ts"
import type { RelayRequestPlan } from "../plans/relayPlans.ts"
import { type Bench, quietLimitMillis } from "./Bench.ts"
import { within } from "./within.ts"

/** What answers without a token; a control session then has ten seconds to show a session key. */
const open = /^[A-Z]+ \/(livez|openapi\.json|download\/|v1\/challenge|v1\/agents\/control)/m
/** What a caller with role `connect` may ask. Bun takes more than one space before the version (seed 699956). */
const forCallers = /^(GET|HEAD) \/v1\/clusters(\/edge-1(\/stream)?)?(\?\S*)? +HTTP/m

/** What everybody may ask who has a token, and gets only what they administer: here nothing. */
const emptyForCallers = /^(GET|HEAD) \/v1\/admin\/(clusters|tokens)(\?\S*)? +HTTP/m
const emptyLists: ReadonlySet<string> = new Set(['{"clusters":[]}', '{"tokens":[]}'])

const credentialOf = async ({ range }: Bench, plan: RelayRequestPlan): Promise<string | undefined> => {
  const subject = AuditJudge.newMark()
  const relay = `clusterconnect:${new URL(range.world.relayUrl).host}`
  switch (plan.credential) {
    case "relay":
      return range.relayToken(subject)
    case "cluster":
      return range.clusterToken({ sub: subject })
    case "expired":
      return range.clusterToken({ sub: subject }, { audience: relay, expiresInSeconds: -3600 })
    case "noise":
      return "a.b.c"
    case "none":
      return undefined
  }
}

const bodyOf = ({ body, length }: RelayRequestPlan): readonly [line: string | undefined, bytes: Uint8Array] => {
  if (length === "none") return [undefined, body]
  if (length === "right") return [`Content-Length: ${body.length}`, body]
  if (length === "wrong") return [`Content-Length: ${body.length + 7}`, body]
  const chunk = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n0\r\n\r\n")])
  return ["Transfer-Encoding: chunked", chunk]
}

/** Writes the planned bytes to the relay's public port and judges the answers: nothing is granted that the token does not give. */
export const atRelay = async (bench: Bench, plan: RelayRequestPlan, seed: number): Promise<void> => {
  const token = await credentialOf(bench, plan)
  const url = new URL(bench.range.world.relayUrl)
  const [framing, body] = bodyOf(plan)
  const head = [
    `${plan.method} ${plan.target} HTTP/1.1`,
    `Host: ${url.host}`,
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ...plan.lines,
    ...(framing === undefined ? [] : [framing]),
  ]
  const bytes = edited(Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "utf8"), body]), plan.edits)
  const text = bytes.toString("latin1")
  const hasToken = plan.credential === "relay" && token !== undefined && text.includes(token)

  const socket = tls.connect({
    host: url.hostname,
    port: Number(url.port),
    ca: [bench.relayCaPem],
    rejectUnauthorized: true,
    allowHalfOpen: true,
  } as tls.ConnectionOptions)
  const raw = new RawConnection(socket, { leave: () => socket.destroy(), end: () => socket.destroy() })
  try {
    const secure = new Promise<true>((resolve) => socket.once("secureConnect", () => resolve(true)))
    if ((await within(5_000, secure)) === undefined) return bench.count("relay: no TLS")
    raw.write(text)
    const statuses: number[] = []
    const bodies: string[] = []
    for (;;) {
      const answer = await within(quietLimitMillis, raw.answer(plan.method === "HEAD"))
      if (answer === undefined) break
      statuses.push(answer.status)
      bodies.push(answer.body.trim())
      if (answer.status === 101) break
    }
    // A head whose body is still on its way, or a 100 Continue before the answer.
    bodies.push(raw.received.split("\r\n\r\n").at(-1)?.trim() ?? "")
    statuses.push(...[...raw.received.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, code]) => Number(code)))
    bench.count(`relay: ${statuses.join("+") || "no answer (cut, or it waits for more)"}`)
    const grants = statuses.filter((status) => status === 101 || (status >= 200 && status < 300))
    const isEmptyList = hasToken && emptyForCallers.test(text) && bodies.some((json) => emptyLists.has(json))
    const isAllowed = open.test(text) || (hasToken && forCallers.test(text)) || isEmptyList
    if (grants.length > 0 && !isAllowed)
      bench.violation(`seed ${seed}: the relay granted ${grants}: ${plan.method} ${plan.target}`)
    if (statuses.includes(500)) bench.violation(`seed ${seed}: 500 by the relay: ${plan.method} ${plan.target}`)
  } finally {
    socket.destroy()
  }
}
