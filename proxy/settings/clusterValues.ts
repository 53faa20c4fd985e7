import { clusterNamePattern } from "../../protocol/names.ts"
import { UsageWrong } from "../failures.ts"

/**
 * Values of the form `[CLUSTER=]VALUE,…` by cluster. An unnamed value is for the only cluster; with several it is refused, because
 * a token or pin must never be taken for another cluster's. Names of clusters that were not asked for are ignored, so that one
 * variable can serve many invocations.
 * @throws {UsageWrong}
 */
export const clusterValues = (
  source: string,
  text: string | undefined,
  clusters: readonly string[],
): ReadonlyMap<string, string> => {
  const values = new Map<string, string>()
  if (clusters.length === 0) return values
  for (const part of (text ?? "").split(",").map((one) => one.trim())) {
    if (part === "") continue
    const equals = part.indexOf("=")
    const named = equals > 0 && clusterNamePattern.test(part.slice(0, equals))
    const cluster = named ? part.slice(0, equals) : clusters[0]
    const value = named ? part.slice(equals + 1) : part
    if (!named && clusters.length > 1)
      throw new UsageWrong({
        detail: `${source}: with several clusters each value needs its cluster's name: ${clusters[0]}=VALUE,${clusters[1]}=VALUE`,
      })
    if (cluster === undefined || value === "")
      throw new UsageWrong({ detail: `${source}: cluster ${cluster} has an empty value` })
    if (values.has(cluster)) throw new UsageWrong({ detail: `${source}: cluster ${cluster} has two values` })
    if (clusters.includes(cluster)) values.set(cluster, value)
  }
  return values
}
