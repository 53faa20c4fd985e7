import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import type { AttackRange } from "../../attack/range/AttackRange.ts"
import { fetchKeys } from "../../attack/range/fetchKeys.ts"
import type { Verdict } from "../judge/AuditJudge.ts"
import { edited } from "../plans/byteEdits.ts"
import type { TokenPlan } from "../plans/tokenPlan.ts"

export interface Forged {
  /** What is sent. */
  readonly token: string
  /** The issuer's own token that admits the caller, and as whom; undefined when none was made. */
  readonly admits: { readonly token: string; readonly verdict: Verdict } | undefined
}

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
const decoded = (part: string | undefined) => JSON.parse(Buffer.from(part ?? "", "base64url").toString()) as object

/** Makes tokens as a plan says, for a subject that no other request has. */
export const forger = async (range: AttackRange) => {
  const own = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
  const keys = await fetchKeys(range.world.identityProvider)
  const publicPem = createPublicKey({ key: keys.find(({ kty }) => kty === "RSA") as never, format: "jwk" }).export({
    type: "spki",
    format: "pem",
  })
  const relay = `clusterconnect:${new URL(range.world.relayUrl).host}`
  const cluster = range.second.name
  const audiences = {
    "other-cluster": `${relay}/${range.world.clusterName}`,
    relay,
    kubernetes: "https://kubernetes.default.svc",
    slash: `${relay}/${cluster}/`,
    none: "",
  } as const

  return async (plan: TokenPlan, subject: string): Promise<Forged> => {
    const { kind } = plan
    if (kind === "noise") return { token: plan.text, admits: undefined }
    if (kind === "time") {
      const { expiresInSeconds, notBeforeInSeconds } = plan
      const nbf = Math.floor(Date.now() / 1000) + notBeforeInSeconds
      const claims = notBeforeInSeconds === 0 ? {} : { nbf }
      return {
        token: await range.clusterToken({ sub: subject, ...claims }, { expiresInSeconds, cluster }),
        admits: undefined,
      }
    }
    if (kind === "audience")
      return {
        token: await range.clusterToken({ sub: subject }, { audience: audiences[plan.audience] }),
        admits: undefined,
      }
    const claims =
      kind === "claims" ? { sub: subject + plan.suffix, groups: plan.groups } : { sub: subject, groups: [] }
    const good = await range.clusterToken(claims, { cluster })
    const verdict = { username: `oidc:${claims.sub}`, groups: claims.groups.map((group) => `oidc:${group}`) }
    const admits = { token: good, verdict }
    if (kind === "good" || kind === "claims") return { token: good, admits }
    const [header, payload, signature] = good.split(".")
    if (kind === "header")
      return {
        token: signed(`${encoded({ ...decoded(header), ...plan.change })}.${payload}`, plan.key, own, publicPem),
        admits: undefined,
      }
    if (kind === "payload")
      return { token: `${header}.${encoded({ ...decoded(payload), ...plan.change })}.${signature}`, admits: undefined }
    const changed = (text: string) => edited(Buffer.from(text, "latin1"), plan.edits).toString("latin1")
    return { token: kind === "text" ? changed(good) : `${header}.${payload}.${changed(signature ?? "")}`, admits }
  }
}

const signed = (input: string, key: "own" | "public" | "none", own: KeyObject, publicPem: string | Buffer): string => {
  if (key === "none") return `${input}.`
  if (key === "own") return `${input}.${sign("sha256", Buffer.from(input), own).toString("base64url")}`
  return `${input}.${createHmac("sha256", publicPem).update(input).digest("base64url")}`
}
