import { Schema } from "effect"
import { choice, defaulting, described, extended, integer, list, optional, text } from "./fields.ts"

/** Generations are 64 bit at the API server; JSON numbers are exact up to here. */
const largest = Number.MAX_SAFE_INTEGER

export const Condition = Schema.Struct({
  type: text("Kind of condition.", 316),
  status: choice("Whether it holds.", "True", "False", "Unknown"),
  observedGeneration: optional(integer("Generation of the spec that this was found for.", 0, largest)),
  lastTransitionTime: Schema.String.pipe(described("When status changed last."), extended({ format: "date-time" })),
  reason: text("One word for machines; the same word is in events and logs.", 1024, {
    pattern: /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/,
  }),
  message: text("What was found, and what to do.", 32_768, { minimum: 0 }),
})
export type Condition = typeof Condition.Type

/** What the operator found. */
export const ClusterConnectStatus = Schema.Struct({
  observedGeneration: defaulting(
    integer(
      "Generation that is rolled out and that every ready auth proxy has loaded, or for which the resource is Stalled; -1 before the first.",
      -1,
      largest,
    ),
    -1,
  ),
  lastHandledReconcileAt: optional(
    text("Value of the annotation reconcile.fluxcd.io/requestedAt that was handled last.", 256, { minimum: 0 }),
  ),
  conditions: optional(
    list(
      "Ready, Reconciling, Stalled, Connected, AgentAvailable, CredentialsValid, ImpersonationReady.",
      Condition,
      16,
      {
        listType: "map",
        listMapKeys: ["type"],
      },
    ),
  ),
  identityPin: optional(
    text("What clients pin: SHA-256 of the cluster's identity key.", 71, { pattern: /^sha256:[0-9a-f]{64}$/ }),
  ),
  identityKey: optional(
    Schema.Struct({
      kty: choice("Key type.", "OKP"),
      crv: choice("Curve.", "Ed25519"),
      x: text("The public key, base64url.", 43),
    }).pipe(described("The cluster's public identity key as a JSON Web Key: what is listed at the relay.")),
  ),
  agent: optional(
    Schema.Struct({
      keyIds: optional(
        list(
          "SHA-256 of the session keys in the cluster document: one, or two during a rotation.",
          text("sha256:<64 hex digits>.", 71),
          2,
        ),
      ),
      sessions: optional(integer("Control sessions at the relay.", 0, 1000)),
    }).pipe(described("The agent as seen now.")),
  ),
  authProxy: optional(
    Schema.Struct({ version: optional(text("Version of the auth proxies that are ready.", 64)) }).pipe(
      described("The auth proxy as seen now."),
    ),
  ),
}).pipe(described("What the operator found."))
export type ClusterConnectStatus = typeof ClusterConnectStatus.Type
