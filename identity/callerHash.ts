import { createHash } from "node:crypto"

/**
 * Names a caller without saying who it is: base64url (43 characters) of SHA-256 over the JSON of `[issuer, subject]`.
 * JSON keeps the border between the two, so no other pair gives the same input.
 */
export const callerHash = (issuer: string, subject: string): string =>
  createHash("sha256")
    .update(JSON.stringify([issuer, subject]))
    .digest("base64url")
