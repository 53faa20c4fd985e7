import { refusal } from "../exchange/refusalClass.ts"

// The auth proxy's own account.
export class ServiceAccountTokenMissing extends refusal(
  "ServiceAccountTokenMissing",
  503,
  "the auth proxy has no token for the API server",
) {}
export class ServiceAccountRootsMissing extends refusal(
  "ServiceAccountRootsMissing",
  503,
  "the auth proxy has no certificate authority for the API server, so it cannot know whom it would speak to",
) {}
export class ServiceAccountRefused extends refusal(
  "ServiceAccountRefused",
  502,
  "the API server refused the auth proxy's own credential; nothing is wrong with yours",
) {}

// The API server, and the way to it.
export class ApiServerUnreachable extends refusal(
  "ApiServerUnreachable",
  503,
  "the API server cannot be reached; the request was not sent",
  "api-server",
) {}
export class ApiServerConnectionLost extends refusal(
  "ApiServerConnectionLost",
  502,
  "the connection to the API server was lost before its answer",
  "api-server",
) {}
export class ApiServerSilent extends refusal(
  "ApiServerSilent",
  503,
  "the API server has taken the request and says nothing, not even whether it is alive; try again, and look after it if this stays",
  "api-server",
) {}
export class OutcomeUnknown extends refusal(
  "OutcomeUnknown",
  504,
  "the API server gave no answer; whether the request took effect is unknown, look before you repeat it",
  "api-server",
) {}
export class ApiServerAnswerRefused extends refusal(
  "ApiServerAnswerRefused",
  502,
  "the API server's answer cannot be passed on",
  "api-server",
) {}

/** What keeps an admitted request from the API server, or its answer from the caller. */
export type PassageRefusal = InstanceType<
  | typeof ServiceAccountTokenMissing
  | typeof ServiceAccountRootsMissing
  | typeof ServiceAccountRefused
  | typeof ApiServerUnreachable
  | typeof ApiServerConnectionLost
  | typeof ApiServerSilent
  | typeof OutcomeUnknown
  | typeof ApiServerAnswerRefused
>
