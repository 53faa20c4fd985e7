/** `bun run crds` writes the CustomResourceDefinition; with `--check` it writes nothing and exits 1 when the file differs. */
import { readFileSync, writeFileSync } from "node:fs"
import { stringify } from "yaml"
import { definition } from "./ClusterConnect.ts"

const target = new URL("clusterconnect.yaml", import.meta.url)
const header = "# Generated from crds/ClusterConnect.ts by `bun run crds`. Do not edit.\n"

const present = (): string | undefined => {
  try {
    return readFileSync(target, "utf8")
  } catch {
    return undefined
  }
}

const wanted = header + stringify(definition(), { aliasDuplicateObjects: false, lineWidth: 0 })
if (!process.argv.includes("--check")) writeFileSync(target, wanted)
else if (present() !== wanted) {
  console.error("crds/clusterconnect.yaml differs from its source: run `bun run crds`")
  process.exit(1)
}
