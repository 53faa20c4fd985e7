import https from "node:https"

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: string
}

/** One https request with a given root, without anything from the environment. */
export const request = (
  url: string,
  options: {
    readonly caPem: string
    readonly method?: string
    readonly headers?: Record<string, string>
    readonly body?: string
  },
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const outgoing = https.request(
      url,
      {
        method: options.method ?? "GET",
        headers: { ...options.headers, connection: "close" },
        ca: options.caPem,
        rejectUnauthorized: true,
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on("data", (chunk: Buffer) => chunks.push(chunk))
        response.on("error", reject)
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString("utf8"),
          }),
        )
      },
    )
    outgoing.on("error", reject)
    outgoing.end(options.body)
  })

/** Posts a form and parses the JSON of the answer. */
export const postForm = async (
  url: string,
  caPem: string,
  fields: readonly (readonly [string, string])[],
  headers: Record<string, string> = {},
): Promise<{ readonly status: number; readonly json: Record<string, unknown> }> => {
  const { status, body } = await request(url, {
    caPem,
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams(fields.map(([name, value]): [string, string] => [name, value])).toString(),
  })
  return { status, json: JSON.parse(body) as Record<string, unknown> }
}

/** More steps than any login takes: a loop of redirects ends here. */
const maximumSteps = 20

/**
 * Does what a browser does in a login: follows redirects, keeps cookies, submits the form of a page. Ends at the first
 * redirect to `stopAt` (its URL is the result) or at a page without a form (its text is).
 */
export const visit = async (start: string, caPem: string, stopAt?: string): Promise<string> => {
  const cookies = new Map<string, string>()
  let next: { url: string; form?: string } = { url: start }
  for (let step = 0; step < maximumSteps; step += 1) {
    const { url, form } = next
    const { headers, body } = await request(url, {
      caPem,
      method: form === undefined ? "GET" : "POST",
      headers: {
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; "),
        ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
      },
      ...(form === undefined ? {} : { body: form }),
    })
    for (const cookie of [headers["set-cookie"] ?? []].flat()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (value === "") cookies.delete(name)
      else cookies.set(name, value)
    }
    const { location } = headers
    if (typeof location === "string") {
      const target = new URL(location, url).href
      if (stopAt !== undefined && target.startsWith(stopAt)) return target
      next = { url: target }
      continue
    }
    const action = /<form[^>]*action="([^"]+)"/.exec(body)?.[1]
    if (action === undefined) return body
    const fields = new URLSearchParams()
    for (const [input] of body.matchAll(/<input[^>]*>/g)) {
      const name = /name="([^"]*)"/.exec(input)?.[1]
      if (name !== undefined) fields.set(name, /value="([^"]*)"/.exec(input)?.[1] ?? "")
    }
    next = { url: new URL(action, url).href, form: fields.toString() }
  }
  throw new Error(`the login did not end after ${maximumSteps} steps`)
}
