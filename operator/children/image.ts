import type { ClusterConnectSpec } from "../../crds/ClusterConnectSpec.ts"

/** Parts of `repository[:tag][@digest]`. */
interface ImageParts {
  readonly repository: string
  readonly tag: string | undefined
  readonly digest: string | undefined
}

const partsOf = (image: string): ImageParts => {
  const [tagged = "", digest] = image.split("@", 2)
  // A colon before the last slash belongs to the registry's port.
  const colon = tagged.indexOf(":", tagged.lastIndexOf("/") + 1)
  return colon === -1
    ? { repository: tagged, tag: undefined, digest }
    : { repository: tagged.slice(0, colon), tag: tagged.slice(colon + 1), digest }
}

/**
 * The image of agent and auth proxy: what the spec leaves out is the operator's. A tag or digest of the spec's replaces both of
 * the operator's; another repository alone is a mirror of the same image.
 */
export const imageName = (spec: ClusterConnectSpec["image"], operatorImage: string): string => {
  const own = partsOf(operatorImage)
  const repository = spec?.repository ?? own.repository
  if (spec?.digest !== undefined) return `${repository}@${spec.digest}`
  if (spec?.tag !== undefined) return `${repository}:${spec.tag}`
  return `${repository}${own.tag === undefined ? "" : `:${own.tag}`}${own.digest === undefined ? "" : `@${own.digest}`}`
}

/** Written out as the API server would fill it in (SetDefaults_Container): nothing that it adds then looks foreign. */
export const pullPolicy = (spec: ClusterConnectSpec["image"], image: string): "Always" | "IfNotPresent" | "Never" => {
  if (spec?.pullPolicy !== undefined) return spec.pullPolicy
  const { tag, digest } = partsOf(image)
  return tag === "latest" || (tag === undefined && digest === undefined) ? "Always" : "IfNotPresent"
}
