/** `bun deploy/manifests/install.ts --image REPOSITORY@sha256:… [--namespace NAMESPACE]` prints install.yaml. */
import { parseArgs } from "node:util"
import { installation, manifestText } from "./installation.ts"
import { defaultNamespace } from "./names.ts"

const { values } = parseArgs({
  options: { image: { type: "string" }, namespace: { type: "string", default: defaultNamespace } },
})
const { image, namespace } = values
if (image === undefined) {
  console.error("usage: bun deploy/manifests/install.ts --image REPOSITORY@sha256:DIGEST [--namespace NAMESPACE]")
  process.exit(2)
}
process.stdout.write(manifestText(installation({ image, namespace })))
