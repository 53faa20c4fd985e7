import { createHash, randomBytes, timingSafeEqual } from "node:crypto"

/** 256 random bits in base64url: tickets, session secrets and nonces. */
export const newSecret = (): string => randomBytes(32).toString("base64url")

/** A ticket is good for one pick-up within this time. */
export const ticketLifeMillis = 10_000

/** A `dial` that the agent has not answered by then goes to another session. */
export const dialAnswerMillis = 3_000

/** Equality in constant time whatever the lengths, by comparing digests. */
export const secretsEqual = (a: string, b: string): boolean =>
  timingSafeEqual(createHash("sha256").update(a).digest(), createHash("sha256").update(b).digest())
