import { requestJson, trustedRoots } from "../../../platform/outbound.ts"
import type { IdentityProvider } from "../../idp/IdentityProvider.ts"

/** The identity provider's public keys, as everybody can read them. */
export const fetchKeys = async (
  provider: IdentityProvider,
): Promise<readonly (Record<string, unknown> & { readonly kid: string })[]> => {
  const ca = trustedRoots({ pem: [provider.caPem] })
  const discovery = await requestJson(`${provider.issuer}/.well-known/openid-configuration`, { ca })
  const { jwks_uri } = discovery.body as { jwks_uri: string }
  const { keys } = (await requestJson(jwks_uri, { ca })).body as { keys: (Record<string, unknown> & { kid: string })[] }
  return keys
}
