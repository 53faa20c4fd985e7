import { type Configuration, initiateDeviceAuthorization, pollDeviceAuthorizationGrant } from "openid-client"
import { NotAuthenticated } from "../failures.ts"
import { issuerFailure } from "./issuerFailure.ts"

export interface DeviceLogin {
  readonly configuration: Configuration
  readonly issuer: string
  readonly parameters: URLSearchParams
  /** For the token endpoint. */
  readonly exchange: Record<string, string>
  /** Shows a person where to go and which code to confirm. */
  readonly present: (to: {
    readonly address: string
    readonly code: string
    readonly complete: string | undefined
  }) => void
  readonly signal: AbortSignal
}

/** Device code (RFC 8628): a person confirms on any other device. Rejects with a PathFailure. */
export const deviceLogin = async ({ configuration, issuer, parameters, exchange, present, signal }: DeviceLogin) => {
  if (configuration.serverMetadata().device_authorization_endpoint === undefined)
    throw new NotAuthenticated({
      hop: "identity-provider",
      cause: "DeviceCodeUnsupported",
      detail: `${issuer} offers no device code: log in without --device-code, with --skip-open-browser where no browser can be opened`,
    })
  try {
    const device = await initiateDeviceAuthorization(configuration, parameters)
    present({
      address: device.verification_uri,
      code: device.user_code,
      complete: device.verification_uri_complete,
    })
    return await pollDeviceAuthorizationGrant(configuration, device, exchange, { signal })
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw issuerFailure(issuer, error)
  }
}
