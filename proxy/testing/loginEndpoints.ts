import { tokenEndpoint } from "./ciEndpoints.ts"
import { jwt } from "./FarEnd.ts"

/**
 * A provider of logins by device code (RFC 8628) and of tokens for its refresh token (RFC 6749, section 6), whose code is confirmed at
 * once. `audienceOf` reads from a form which audience it asks for, as one product or another does; without one the token is nobody's.
 */
export const loginEndpoints = async (
  clientId: string,
  audienceOf: (form: URLSearchParams) => string | null | undefined,
) => {
  const place = { issuer: "" }
  const endpoint = await tokenEndpoint(({ url, body }) => {
    const { issuer } = place
    const form = new URLSearchParams(body)
    if (url.pathname === "/.well-known/openid-configuration")
      return {
        status: 200,
        body: { issuer, token_endpoint: `${issuer}/token`, device_authorization_endpoint: `${issuer}/device` },
      }
    if (form.get("client_id") !== clientId) return { status: 401, body: { error: "invalid_client" } }
    if (url.pathname === "/device")
      return {
        status: 200,
        body: {
          device_code: "d",
          user_code: "ABCD",
          verification_uri: `${issuer}/confirm`,
          expires_in: 60,
          interval: 1,
        },
      }
    if (url.pathname !== "/token") return { status: 404, body: {} }
    const audience = audienceOf(form) ?? "nobody"
    const iat = Math.floor(Date.now() / 1_000)
    return {
      status: 200,
      body: {
        token_type: "Bearer",
        expires_in: 300,
        refresh_token: "refresh",
        access_token: jwt({ iss: issuer, aud: audience, iat }),
        id_token: jwt({ iss: issuer, aud: [clientId, audience], azp: clientId, iat }),
      },
    }
  })
  place.issuer = endpoint.url
  return endpoint
}
