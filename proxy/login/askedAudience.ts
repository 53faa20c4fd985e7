import type { Profile } from "../profiles/Profile.ts"

/** The parameters that ask the profile's identity provider for a token with this audience. */
export const askedAudience = (profile: Profile, audience: string): Record<string, string> => {
  switch (profile.audienceIn ?? "resource") {
    case "resource":
      return { resource: audience }
    case "audience":
      return { audience }
    case "scope":
      return {
        scope: scopesOf(profile, [(profile.audienceScope ?? "{audience}").replaceAll("{audience}", () => audience)]),
      }
  }
}

/** What a login asks for: an ID token, a refresh token, and the profile's own scopes. */
const scopesOf = (profile: Profile, more: readonly string[] = []): string =>
  [...new Set(["openid", "offline_access", ...(profile.scopes ?? []), ...more])].join(" ")

/** The parameters of a login that shall later give tokens for all these audiences. */
export const loginParameters = (profile: Profile, audiences: readonly string[]): URLSearchParams => {
  const parameters = new URLSearchParams({ scope: scopesOf(profile) })
  const way = profile.audienceIn ?? "resource"
  if (way === "resource") for (const audience of audiences) parameters.append("resource", audience)
  // A provider gives a token for one `audience` at a time; the scope of the first one stands for the consent.
  const [first] = audiences
  if (way !== "resource" && first !== undefined)
    for (const [name, value] of Object.entries(askedAudience(profile, first))) parameters.set(name, value)
  return parameters
}
