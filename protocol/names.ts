/** Names that several programs must agree on. What is here is part of the wire: changing a value breaks older peers. */

/** Subprotocol of carriers: the frames of docs/streams.md. */
export const streamProtocol = "v1.stream.clusterconnect.dev"
/** Subprotocol of control sessions: the messages of control.ts. */
export const controlProtocol = "v1.control.clusterconnect.dev"

export const instanceHeader = "clusterconnect-instance"
export const ticketHeader = "clusterconnect-ticket"
export const sessionHeader = "clusterconnect-session"
/** Which relay replica holds the user's half: `replica` of the dial, given back with the ticket. */
export const replicaHeader = "clusterconnect-replica"
export const callerHashHeader = "clusterconnect-caller-hash"
export const clientAddressHeader = "clusterconnect-client-address"
export const nonceHeader = "clusterconnect-nonce"
export const signatureHeader = "clusterconnect-signature"

/** WebSocket close codes (RFC 6455 section 7.4.2, private range). Any code that is not listed means: resume. */
export const closeCode = {
  /** The peer is going away in good order: resume at once. */
  moved: 4001,
  /** The caller, the cluster or the key lost its right: end. */
  revoked: 4003,
  /** The other side broke the protocol. */
  protocolError: 4008,
  /** A newer carrier or control session took this one's place. */
  superseded: 4009,
} as const

export const path = {
  clusters: "/v1/clusters",
  cluster: (cluster: string) => `/v1/clusters/${cluster}`,
  stream: (cluster: string) => `/v1/clusters/${cluster}/stream`,
  document: (cluster: string) => `/v1/clusters/${cluster}/document`,
  sessions: (cluster: string) => `/v1/clusters/${cluster}/sessions`,
  registration: (cluster: string) => `/v1/clusters/${cluster}/registration`,
  join: "/v1/join",
  challenge: "/v1/challenge",
  control: "/v1/agents/control",
  agentCarrier: "/v1/agents/carrier",
  /** On the auth proxy's in-cluster port. */
  authProxyCarrier: "/v1/carrier",
} as const

/** At most 40 characters, so that `cc-<name>-<role>` and the certificate's DNS name stay within their limits. */
export const clusterNamePattern = /^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/

/** The DNS name in the auth proxy's serving certificate. */
export const clusterServerName = (cluster: string): string => `${cluster}.clusterconnect.internal`

/**
 * The relay's identity: scheme://host[:port] with the default port left out.
 * @throws {TypeError} when it is no https (or http, for a plain-text relay in tests) URL, or carries a path, query, fragment or user
 */
export const relayUrl = (text: string): string => {
  // What follows may hold a password: the text is quoted only up to its host.
  const expected = new TypeError(`relay URL ${text.includes("@") ? "with a user" : text}: expected https://host[:port]`)
  if (!URL.canParse(text)) throw expected
  const url = new URL(text)
  if (url.protocol !== "https:" && url.protocol !== "http:") throw expected
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "")
    throw expected
  return url.origin
}

/** Hosts that no packet leaves this machine for, as URL writes them. */
const thisMachine = /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/

/** Whether what is sent to this relay would cross a network in plain text. */
export const crossesInPlainText = (relay: string): boolean => {
  const { protocol, hostname } = new URL(relay)
  return protocol === "http:" && !thisMachine.test(hostname)
}

/**
 * {@link relayUrl} of a relay that may be sent what is secret: https, or http to this machine.
 * @throws {TypeError} also when what is sent would cross a network in plain text
 */
export const safeRelayUrl = (text: string): string => {
  const relay = relayUrl(text)
  if (crossesInPlainText(relay))
    throw new TypeError(`relay URL ${relay}: expected https, else what is secret crosses the network in plain text`)
  return relay
}

/** The relay's host, with its port unless that is 443: the stem of both default audiences. */
export const relayHost = (relay: string): string => {
  const url = new URL(relay)
  const port = url.port === "" && url.protocol === "http:" ? "80" : url.port
  return port === "" || port === "443" ? url.hostname : `${url.hostname}:${port}`
}

export const defaultRelayAudience = (relay: string): string => `clusterconnect:${relayHost(relay)}`
export const defaultClusterAudience = (relay: string, cluster: string): string =>
  `clusterconnect:${relayHost(relay)}/${cluster}`
