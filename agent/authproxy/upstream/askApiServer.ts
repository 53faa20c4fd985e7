import { Data, Effect } from "effect"
import type { Caller } from "../../../identity/claimMapping.ts"
import { assertIdentity, identityHeaders } from "../exchange/identityHeaders.ts"
import type { ApiServer } from "./ApiServer.ts"

/** A question of our own (not a caller's request) got no usable answer. */
export class QuestionUnanswered extends Data.TaggedError("QuestionUnanswered")<{ readonly detail: string }> {
  override get message() {
    return `the API server gave no usable answer: ${this.detail}`
  }
}

export interface Answer {
  readonly status: number
  /** Undefined when it is not JSON. */
  readonly body: unknown
}

/** Reviews and /version are below 10 KiB. */
const maxAnswerBytes = 256 * 1024
const answerMillis = 8_000

/** One small JSON request with the auth proxy's credential, as `caller` where one is given. Every status is an answer. */
export const askApiServer = (
  api: ApiServer,
  question: { readonly method: "GET" | "POST"; readonly target: string; readonly body?: unknown; readonly as?: Caller },
): Effect.Effect<Answer, QuestionUnanswered> =>
  Effect.async<Answer, QuestionUnanswered>((resume) => {
    const unanswered = (detail: string) => resume(new QuestionUnanswered({ detail }))
    const { ca, token } = api.files
    if (ca === undefined) return unanswered("there is no certificate authority for the API server")
    if (token === undefined) return unanswered("there is no service-account token")
    // Bytes, not text: the head would be encoded with a text a second time, and names beyond ASCII would be others.
    const body = question.body === undefined ? undefined : Buffer.from(JSON.stringify(question.body))
    const headers = [
      ...["Host", api.host, "Accept", "application/json", "Authorization", `Bearer ${token}`],
      ...(body === undefined ? [] : ["Content-Type", "application/json", "Content-Length", String(body.length)]),
      ...(question.as === undefined ? [] : identityHeaders(question.as)),
    ]
    if (question.as !== undefined && assertIdentity(headers, question.as)._tag === "Left")
      return unanswered("the identity to ask for cannot be used")
    const request = api.request({ method: question.method, target: question.target, headers })
    request.on("error", (error: NodeJS.ErrnoException) => unanswered(error.code ?? error.name))
    request.on("response", (answer) => {
      const chunks: Buffer[] = []
      let bytes = 0
      answer.on("data", (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > maxAnswerBytes) request.destroy(new Error("too large"))
        else chunks.push(chunk)
      })
      answer.on("error", () => unanswered("the answer was cut"))
      answer.on("end", () => {
        if (!answer.complete) return unanswered("the answer was cut")
        resume(Effect.succeed({ status: answer.statusCode ?? 0, body: parsed(Buffer.concat(chunks).toString("utf8")) }))
      })
    })
    request.end(body)
    return Effect.sync(() => request.destroy())
  }).pipe(
    Effect.timeoutFail({
      duration: answerMillis,
      onTimeout: () => new QuestionUnanswered({ detail: `nothing within ${answerMillis} ms` }),
    }),
  )

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What a SubjectAccessReview asks about (authorization.k8s.io/v1 ResourceAttributes). */
export interface ResourceAttributes {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly subresource?: string
  readonly name?: string
  readonly namespace?: string
}

/** Whether the API server lets `caller` do this, asked as the caller itself. Anything but a clear yes or no is a failure. */
export const mayCaller = (
  api: ApiServer,
  caller: Caller,
  resourceAttributes: ResourceAttributes,
): Effect.Effect<boolean, QuestionUnanswered> =>
  askApiServer(api, {
    method: "POST",
    target: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    as: caller,
    body: {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes },
    },
  }).pipe(
    Effect.flatMap(({ status, body }) => {
      const verdict = (body as { status?: { allowed?: unknown } } | undefined)?.status?.allowed
      return status === 201 && typeof verdict === "boolean"
        ? Effect.succeed(verdict)
        : Effect.fail(new QuestionUnanswered({ detail: `status ${status} to a SelfSubjectAccessReview` }))
    }),
  )
