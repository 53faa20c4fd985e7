import { join } from "node:path"
import { compile } from "../../deploy/build.ts"
import { buildProductImage, productImages } from "../../deploy/image/productImage.ts"
import { releasedName, targetNamed } from "../../deploy/targets.ts"
import type { Registry } from "../cluster/delivery/startRegistry.ts"

const machine = process.arch === "arm64" ? "arm64" : "x64"
const architecture = process.arch === "arm64" ? "arm64" : "amd64"

/**
 * The image of operator, agent and auth proxy made from this checkout for this machine, as a release makes it, and pushed.
 * Returns the reference by digest. `directory` is used for what is built and may be used again for another version.
 */
export const pushProductImage = async (registry: Registry, directory: string, version: string): Promise<string> => {
  const name = "clusterconnect"
  const programs = join(directory, `programs-${version}`)
  const target = targetNamed(`linux-${machine}`)
  for (const program of productImages[name].programs)
    compile(program, join(programs, releasedName(program, target)), { target, version })
  const layout = join(directory, `${name}-${version}`)
  await buildProductImage({ name, version, architectures: [architecture], programs, directory: layout })
  return await registry.push(layout, `${name}:${version}`)
}
