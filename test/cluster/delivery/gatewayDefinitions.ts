import { join } from "node:path"
import { mustRun } from "../process/runProgram.ts"

/** Where the Gateway API's standard CustomResourceDefinitions are, of the version in modules/gateway/go.mod. */
export async function gatewayDefinitions(): Promise<string> {
  const cwd = join(import.meta.dir, "../modules/gateway")
  const told = await mustRun("go", ["mod", "download", "-json", "sigs.k8s.io/gateway-api"], { cwd })
  return join((JSON.parse(told) as { Dir: string }).Dir, "config/crd/standard")
}
