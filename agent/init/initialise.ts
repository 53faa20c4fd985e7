import { readFile } from "node:fs/promises"
import { Data, Schema } from "effect"
import { proxySettings, type Route, requestJson, trustedRoots } from "../../platform/outbound.ts"
import { Audience, maxAudienceCharacters } from "../../protocol/document.ts"
import { type ClusterMaterial, newMaterial } from "../../protocol/material.ts"
import { clusterNamePattern, defaultClusterAudience, safeRelayUrl } from "../../protocol/names.ts"
import { type Joined, join } from "../../protocol/relayCalls.ts"
import { DirectoryRefused, openDirectory } from "./directory.ts"

/** A flag of `init` that cannot be used. */
export class InitInvalid extends Data.TaggedError("InitInvalid")<{ readonly flag: string; readonly detail: string }> {
  override get message(): string {
    return `${this.flag}: ${this.detail}`
  }
}

export interface InitRequest {
  readonly cluster: string
  readonly relay: string
  readonly dir: string
  readonly joinTokenFile?: string | undefined
  /** `URL` or `URL=AUDIENCE` each. */
  readonly issuers: readonly string[]
  readonly caFiles: readonly string[]
}

export interface Initialised {
  readonly material: ClusterMaterial
  /** False when the directory was complete already: nothing in it was changed. */
  readonly created: boolean
  /** Undefined without a join token. */
  readonly joined: Joined | undefined
}

/** Nobody renews certificates where there is no operator. */
const leafDays = 3_653
/** A day more than the leaf, so that the leaf's end is never the root's. */
const rootDays = leafDays + 1
const isAudience = Schema.is(Audience)

/** Makes or checks the directory, then spends the join token if there is one: in this order, so that no key is lost. */
export const initialise = async (request: InitRequest, env: NodeJS.ProcessEnv, now: Date): Promise<Initialised> => {
  const { cluster, dir } = request
  if (!clusterNamePattern.test(cluster))
    throw new InitInvalid({
      flag: "--cluster",
      detail: "expected 1 to 40 lower-case letters, digits and inner hyphens",
    })
  const relay = parsed("--relay", () => safeRelayUrl(request.relay))
  const audiences = audiencesOf(request.issuers, relay, cluster)
  const route: Route = {
    proxy: proxySettings(env),
    ca: trustedRoots({ files: request.caFiles }),
  }
  // Read before anything is made: a wrong path must not cost a second run.
  const token = request.joinTokenFile === undefined ? undefined : await tokenIn(request.joinTokenFile)
  const make = () => newMaterial({ cluster, relayUrl: relay, audiences, rootDays, leafDays, now })
  const { material, created } = await openDirectory(dir, make)
  if (!created) sameAsAsked(material, { dir, cluster, relay, audiences })
  const joined =
    token === undefined
      ? undefined
      : await join(material, token, (url, asked) => requestJson(url, { ...route, ...asked }))
  return { material, created, joined }
}

/** `URL` takes the cluster's default audience, `URL=AUDIENCE` its own. An issuer's URL may hold "=" only in a query, which OIDC forbids. */
export const audiencesOf = (
  issuers: readonly string[],
  relay: string,
  cluster: string,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    issuers.map((text) => {
      const at = text.indexOf("=")
      const issuer = at < 0 ? text : text.slice(0, at)
      const audience = at < 0 ? defaultClusterAudience(relay, cluster) : text.slice(at + 1)
      if (!URL.canParse(issuer) || new URL(issuer).protocol !== "https:" || !isAudience(audience))
        throw new InitInvalid({
          flag: `--issuer ${text}`,
          detail: `expected https://…[=AUDIENCE], an audience of 1 to ${maxAudienceCharacters} characters`,
        })
      return [issuer, audience] as const
    }),
  )

const sameAsAsked = (
  { document }: ClusterMaterial,
  asked: {
    readonly dir: string
    readonly cluster: string
    readonly relay: string
    readonly audiences: Readonly<Record<string, string>>
  },
): void => {
  const { dir } = asked
  if (document.clusterName !== asked.cluster || document.relayUrl !== asked.relay)
    throw new DirectoryRefused({
      dir,
      reason: "OtherCluster",
      detail: `it belongs to cluster ${document.clusterName} at ${document.relayUrl}, not to ${asked.cluster} at ${asked.relay}; use another directory`,
    })
  const differing = Object.entries(asked.audiences).filter(
    ([issuer, audience]) => document.audiences[issuer] !== audience,
  )
  if (differing.length > 0)
    throw new DirectoryRefused({
      dir,
      reason: "OtherCluster",
      detail: `its document says otherwise of issuer ${differing.map(([issuer]) => issuer).join(", ")}, and init changes nothing; use another directory`,
    })
}

/** A token is one line; whatever surrounds it in the file is not part of it. */
const tokenIn = async (file: string): Promise<string> => {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new InitInvalid({ flag: `--join-token-file ${file}`, detail: error.code ?? "it cannot be read" })
  })
  const token = text.trim()
  if (token === "" || /\s/.test(token))
    throw new InitInvalid({ flag: `--join-token-file ${file}`, detail: "expected one token on one line" })
  return token
}

const parsed = <A>(flag: string, parse: () => A): A => {
  try {
    return parse()
  } catch (error) {
    throw new InitInvalid({ flag, detail: (error as Error).message })
  }
}
