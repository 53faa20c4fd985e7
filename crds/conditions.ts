/** Types of conditions. Reconciling and Stalled are there only while True (kstatus). */
export const conditionType = {
  ready: "Ready",
  reconciling: "Reconciling",
  stalled: "Stalled",
  connected: "Connected",
  agentAvailable: "AgentAvailable",
  credentialsValid: "CredentialsValid",
  impersonationReady: "ImpersonationReady",
} as const

/** Reasons by the fate they have. The same word is in condition, event, log and test. */
export const conditionReason = {
  // All is well.
  succeeded: "Succeeded",
  connected: "Connected",
  available: "Available",
  valid: "Valid",
  constrained: "Constrained",
  legacy: "Legacy",
  /** CredentialsValid is True, and the relay's tokens are accepted too (allowRelayAudience). */
  relayAudienceAllowed: "RelayAudienceAllowed",
  suspended: "Suspended",
  // Goes by itself: Reconciling.
  progressing: "Progressing",
  awaitingRegistration: "AwaitingRegistration",
  relayUnreachable: "RelayUnreachable",
  issuerUnreachable: "IssuerUnreachable",
  agentUnavailable: "AgentUnavailable",
  authProxyUnavailable: "AuthProxyUnavailable",
  secretMissing: "SecretMissing",
  quotaExceeded: "QuotaExceeded",
  rotating: "Rotating",
  impersonationUnproven: "ImpersonationUnproven",
  // Needs a person: Stalled.
  authenticationInvalid: "AuthenticationInvalid",
  multiTenantIssuer: "MultiTenantIssuer",
  joinTokenSpent: "JoinTokenSpent",
  registrationRefused: "RegistrationRefused",
  constrainedUnavailable: "ConstrainedUnavailable",
  accessDenied: "AccessDenied",
  /** The API server does not take an object that is made of the spec. */
  childRefused: "ChildRefused",
  credentialsDamaged: "CredentialsDamaged",
  crdOutdated: "CRDOutdated",
} as const
export type ConditionReason = (typeof conditionReason)[keyof typeof conditionReason]
