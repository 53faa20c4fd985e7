import { Schema } from "effect"
import { clusterNamePattern, relayUrl } from "../../protocol/names.ts"
import { PinText } from "../../protocol/signed.ts"
import { ciNames } from "../tokens/ci/ciIssuing.ts"

const exact = { exact: true } as const
const Text = Schema.NonEmptyTrimmedString.pipe(Schema.maxLength(2_048))

const RelayUrl = Text.pipe(
  Schema.filter(
    (text) => {
      try {
        return relayUrl(text) === text
      } catch {
        return false
      }
    },
    { message: () => "expected https://HOST[:PORT] and nothing more" },
  ),
)
const IssuerUrl = Text.pipe(
  Schema.filter((text) => URL.canParse(text) && new URL(text).protocol === "https:", {
    message: () => "expected an https URL",
  }),
  // Discovery would begin at another document than the one of the issuer that tokens name.
  Schema.filter((text) => !text.includes("/.well-known/"), {
    message: () => "expected the issuer as its tokens name it, without /.well-known/…",
  }),
)

/** How an identity provider is asked for a token with a certain audience; providers differ. */
export const audienceWays = ["resource", "audience", "scope"] as const
/** Where tokens come from. `login` is a person's login with this profile. */
export const tokenOrigins = ["login", "command", ...ciNames] as const
export type TokenOrigin = (typeof tokenOrigins)[number]

/** The client's own settings for one relay. Nothing in it comes from the relay, and nothing in it is secret. */
export const Profile = Schema.Struct({
  relay: RelayUrl,
  issuer: Schema.optionalWith(IssuerUrl, exact),
  clientId: Schema.optionalWith(Text, exact),
  /** Asked for beside `openid` and `offline_access`. */
  scopes: Schema.optionalWith(Schema.Array(Text), exact),
  /** `resource` (RFC 8707) unless given. */
  audienceIn: Schema.optionalWith(Schema.Literal(...audienceWays), exact),
  /** With `audienceIn: scope`: the scope, with `{audience}` in it. */
  audienceScope: Schema.optionalWith(Text.pipe(Schema.pattern(/\{audience\}/)), exact),
  /** Which token of the provider's answer is used: the access token unless given. */
  use: Schema.optionalWith(Schema.Literal("access-token", "id-token"), exact),
  /** A browser login is asked for without `prompt=consent`. */
  skipConsent: Schema.optionalWith(Schema.Boolean, exact),
  relayAudience: Schema.optionalWith(Text, exact),
  singleAudience: Schema.optionalWith(Schema.Boolean, exact),
  /** PEM file with authorities for relay and issuer, beside the system's. */
  caFile: Schema.optionalWith(Text, exact),
  tokenFrom: Schema.optionalWith(Schema.Literal(...tokenOrigins), exact),
  tokenCommand: Schema.optionalWith(Schema.Array(Text).pipe(Schema.minItems(1)), exact),
  clusters: Schema.optionalWith(
    Schema.Record({
      key: Schema.String.pipe(Schema.pattern(clusterNamePattern)),
      value: Schema.Struct({
        audience: Schema.optionalWith(Text, exact),
        pin: Schema.optionalWith(PinText, exact),
      }),
    }),
    exact,
  ),
})
export type Profile = typeof Profile.Type

export const profileNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

export const ProfilesFile = Schema.Struct({
  version: Schema.Literal(1),
  /** Used where none is named. */
  current: Schema.optionalWith(Schema.String, exact),
  profiles: Schema.Record({ key: Schema.String.pipe(Schema.pattern(profileNamePattern)), value: Profile }),
})
export type ProfilesFile = typeof ProfilesFile.Type
