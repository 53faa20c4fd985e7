import { commandWords } from "../commandWords.ts"
import { installation, manifestText } from "./installation.ts"
import { defaultNamespace } from "./names.ts"

const usage = `usage: bun deploy/manifests/install.ts --image REPOSITORY@sha256:DIGEST [--namespace NAMESPACE]
Prints install.yaml.`
const { values, refuse } = commandWords(usage, {
  options: { image: { type: "string" }, namespace: { type: "string", default: defaultNamespace } },
})
const { image = refuse("--image is missing"), namespace } = values
process.stdout.write(manifestText(installation({ image, namespace })))
