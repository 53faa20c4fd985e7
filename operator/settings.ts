import { randomBytes } from "node:crypto"
import { Data, Either } from "effect"
import { operatorHealthPort } from "./children/childNames.ts"

/** The environment lacks something that the operator cannot do without, or has something that cannot be used. */
export class EnvironmentInvalid extends Data.TaggedError("EnvironmentInvalid")<{
  readonly problems: readonly string[]
}> {
  override get message(): string {
    return `the operator cannot start:\n${this.problems.map((problem) => `  - ${problem}`).join("\n")}`
  }
}

export interface OperatorSettings {
  /** Where the operator, its Lease and all children live. */
  readonly namespace: string
  /** Names this very process: a pod's second start is another holder of the Lease. */
  readonly identity: string
  /** The image of agent and auth proxy where a resource names none: `repository[:tag][@digest]`. */
  readonly image: string
  readonly health: { readonly host: string; readonly port: number }
}

type Environment = Readonly<Record<string, string | undefined>>

/** As deploy/ sets them: `POD_NAME`, `POD_NAMESPACE`, `CLUSTERCONNECT_IMAGE`, and where wanted `CLUSTERCONNECT_HEALTH_LISTEN`. */
export const operatorSettings = (env: Environment): Either.Either<OperatorSettings, EnvironmentInvalid> => {
  const problems: string[] = []
  const required = (name: string): string => {
    const value = env[name] ?? ""
    if (value === "") problems.push(`${name} is not set`)
    return value
  }
  const namespace = required("POD_NAMESPACE")
  const pod = required("POD_NAME")
  const image = required("CLUSTERCONNECT_IMAGE")
  const listen = env.CLUSTERCONNECT_HEALTH_LISTEN || `0.0.0.0:${operatorHealthPort}`
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(listen)
  const port = Number(found?.[3])
  if (found === null || port > 65_535) problems.push(`CLUSTERCONNECT_HEALTH_LISTEN ${listen}: expected HOST:PORT`)
  if (problems.length > 0) return Either.left(new EnvironmentInvalid({ problems }))
  return Either.right({
    namespace,
    identity: `${pod}_${randomBytes(8).toString("hex")}`,
    image,
    health: { host: found?.[1] ?? found?.[2] ?? "", port },
  })
}
