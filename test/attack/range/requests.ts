/** A request's text as somebody writes it who keeps to no rule: line, Host, token, further lines, empty line, body. */
export const request = (
  line: string,
  options: { readonly token?: string; readonly headers?: readonly string[]; readonly body?: string } = {},
): string =>
  [
    line.includes(" HTTP/") ? line : `${line} HTTP/1.1`,
    "Host: edge-1.clusterconnect.internal",
    ...(options.token === undefined ? [] : [`Authorization: Bearer ${options.token}`]),
    ...(options.headers ?? []),
    "",
    options.body ?? "",
  ].join("\r\n")

/** Our own word for a refusal in a Status; undefined when the body is no Status of ours. */
export const causeOf = (body: string): string | undefined => {
  try {
    const { details } = JSON.parse(body) as {
      details?: { causes?: readonly { readonly reason: string; readonly message: string }[] }
    }
    return details?.causes?.find(({ reason }) => reason === "ClusterConnectCause")?.message
  } catch {
    return undefined
  }
}
