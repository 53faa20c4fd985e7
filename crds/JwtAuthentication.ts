import { Schema } from "effect"
import { choice, defaulting, described, extended, flag, integer, list, notEvaluated, optional, text } from "./fields.ts"
import { ClaimMappings, ClaimValidationRule, UserValidationRule } from "./JwtClaims.ts"

/** Sixteen issuers are more than any cluster was seen with; rules compare every pair. */
const maximumEntries = 16
/** PEM of some dozens of certificates, or a key set of some dozens of keys. */
const documentLength = 65_536
const urlLength = 2048

/** 12 h: a working day; a forgotten exec does not outlive it. */
const defaultMaxSessionSeconds = 43_200
const shortestSessionSeconds = 60
const longestSessionSeconds = 14 * 86_400

/** https without user, query, fragment and blanks. */
const httpsPattern = /^https:\/\/[^\s?#@]+$/
const Issuer = Schema.Struct({
  url: text(
    "The issuer: an https URL without user, query and fragment, compared with a token's iss character by character. Discovery is read below it.",
    urlLength,
    { pattern: httpsPattern },
  ),
  discoveryURL: optional(
    text(
      "Where discovery is read instead of below url: the complete https URL. The document must still name url as its issuer.",
      urlLength,
      {
        pattern: httpsPattern,
      },
    ),
  ),
  certificateAuthority: optional(
    text("PEM certificates to trust for this issuer in place of the system's.", documentLength),
  ),
  audiences: optional(
    list(
      "A token is accepted when its aud contains one of these. Default: the cluster's audience, clusterconnect:<relay host>/<clusterName>.",
      text("An audience.", 512),
      16,
      { minimum: 1, listType: "set" },
    ),
  ),
  audienceMatchPolicy: optional(
    choice("How audiences are compared; MatchAny (also when empty) is the only way.", "", "MatchAny"),
  ),
  egressSelectorType: optional(
    text("Not evaluated by ClusterConnect and refused; use relay.httpProxySecretRef.", 64, { minimum: 0 }),
  ),
  jwks: optional(
    text(
      "The issuer's public keys, a JSON Web Key Set (RFC 7517) as JSON text, for clusters that reach nothing but the relay. Nothing is fetched then, and changed keys have to be written here.",
      documentLength,
    ),
  ),
}).pipe(
  described("Who signs the tokens and for whom."),
  extended({
    rules: [
      notEvaluated("egressSelectorType", "!has(self.egressSelectorType) || self.egressSelectorType == ''"),
      {
        rule: "!has(self.discoveryURL) || self.discoveryURL != self.url",
        message: "discoveryURL must differ from url",
        fieldPath: ".discoveryURL",
        reason: "FieldValueInvalid",
      },
    ],
  }),
)

const JwtAuthenticator = Schema.Struct({
  name: text("Short name of this entry in status, logs and metrics; unique.", 63, {
    pattern: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
  }),
  issuer: Issuer,
  claimMappings: ClaimMappings,
  claimValidationRules: optional(
    list(
      "What a token's claims must say; all rules have to hold. An issuer that signs for everybody (GitHub Actions, GitLab.com, Entra's common endpoints) needs a rule on the id of an owner, else the resource is Stalled.",
      ClaimValidationRule,
      32,
    ),
  ),
  userValidationRules: optional(
    list("Not evaluated by ClusterConnect: a rule is refused.", UserValidationRule, 32, {
      rules: [
        {
          rule: "self.size() == 0",
          message:
            "userValidationRules is not evaluated by ClusterConnect; remove it (ignoring it could let people in)",
          reason: "FieldValueForbidden",
        },
      ],
    }),
  ),
  algorithms: optional(
    list(
      "Signature algorithms that are accepted. Default: RS256.",
      Schema.Literal("RS256", "ES256", "ES384", "PS256", "EdDSA"),
      5,
      { minimum: 1, listType: "set" },
    ),
  ),
})
export type JwtAuthenticator = typeof JwtAuthenticator.Type

const noPrefixBegins = (mapping: string, has: (entry: string) => string): string =>
  `self.all(a, !(${has("a")}) || self.all(b, a.name == b.name || !(${has("b")}) || !a.claimMappings.${mapping}.prefix.startsWith(b.claimMappings.${mapping}.prefix)))`

/** Who may come in, and as whom. */
export const Authentication = Schema.Struct({
  jwt: list(
    "The identity providers whose tokens are accepted, in the shape of Kubernetes' JWTAuthenticator (apiserver.config.k8s.io/v1).",
    JwtAuthenticator,
    maximumEntries,
    {
      minimum: 1,
      listType: "map",
      listMapKeys: ["name"],
      rules: [
        {
          rule: "self.all(a, self.exists_one(b, a.issuer.url == b.issuer.url))",
          message: "issuer.url must be unique: another entry has the same",
          reason: "FieldValueInvalid",
        },
        {
          rule: noPrefixBegins("username", (entry) => `has(${entry}.claimMappings.username.prefix)`),
          message:
            "claimMappings.username.prefix must be unique and must not begin with that of another entry, else two issuers can make the same name",
          reason: "FieldValueInvalid",
        },
        {
          rule: noPrefixBegins(
            "groups",
            (entry) => `has(${entry}.claimMappings.groups) && has(${entry}.claimMappings.groups.prefix)`,
          ),
          message:
            "claimMappings.groups.prefix must be unique and must not begin with that of another entry, else two issuers can make the same group",
          reason: "FieldValueInvalid",
        },
      ],
    },
  ),
  allowRelayAudience: defaulting(
    flag(
      "Accepts tokens that are also meant for the relay. The relay could then act as the user; a condition shows it.",
    ),
    false,
  ),
  maxSessionSeconds: defaulting(
    integer(
      "Seconds after which exec, port-forward, watch and other long requests are ended: 60 to 1209600 (14 days).",
      shortestSessionSeconds,
      longestSessionSeconds,
    ),
    defaultMaxSessionSeconds,
  ),
}).pipe(described("Who may come in, and as whom."))
