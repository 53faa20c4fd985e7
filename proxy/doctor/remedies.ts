/** What a person can do, by check. */
export const remedies = {
  dns: "Check the relay's name and this machine's name service; where names resolve only at a proxy, set HTTPS_PROXY",
  "http proxy": "Check HTTPS_PROXY and NO_PROXY: scheme, host, port, user and password",
  tcp: "Check the network and firewalls for outgoing TCP to this port; where a proxy is the way out, set HTTPS_PROXY",
  tls: "If the relay's certificate comes from a private authority, or something inspects TLS on the way, give its CA with --ca-file",
  relay: "Check --relay: something else than a relay answers there",
  clock: "Set this machine's clock (NTP): tokens are valid only around the true time",
  "relay token": "clusterconnect login, or see docs/tokens.md for tokens from files, commands and CI",
  "relay authentication":
    "The relay must list the token's issuer and audience: compare the claims above with the relay's configuration (docs/relay.md)",
  policy:
    "Ask the relay's administrator for an access policy entry that fits the claims above, and check the cluster's name",
  agent:
    "Look at the agent in the cluster: kubectl get clusterconnect, its conditions and its log say why it does not connect",
  identity:
    "Compare the pin with .status.identityPin of the ClusterConnect resource, through another way than this relay, and give it with --pin",
  "cluster token":
    "Get a token of an issuer and for the audience that the cluster takes: clusterconnect login CLUSTER, or --audience",
  stream:
    "The relay and the agent answer, but no auth proxy: look at the auth proxy's pods and their log in the cluster",
  "auth whoami":
    "The cluster must take your token: compare its claims with spec.authentication.jwt of the ClusterConnect resource",
} as const

export type CheckName = keyof typeof remedies
