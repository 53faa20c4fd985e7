import { clusterNamePattern } from "../../protocol/names.ts"
import { UsageWrong } from "../failures.ts"

/** The name, if a cluster can have it. @throws {UsageWrong} */
export const checkedClusterName = (name: string): string => {
  if (clusterNamePattern.test(name)) return name
  throw new UsageWrong({
    detail: `cluster name ${JSON.stringify(name)}: expected at most 40 of a-z, 0-9 and -, beginning and ending with a letter or digit`,
  })
}
