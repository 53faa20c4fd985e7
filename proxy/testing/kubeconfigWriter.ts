import { KubeconfigFile } from "../kubeconfig/KubeconfigFile.ts"
import { kubeconfig } from "../kubeconfig/kubeconfig.ts"

// Replaces one kubeconfig by the next until it is killed; the parent does that at any moment.
const [path = ""] = process.argv.slice(2)
for (let port = 1; ; port = (port % 60_000) + 1) {
  const credential = `ccsession_${String(port).repeat(2_000)}`
  const text = kubeconfig([{ name: "edge-1", port, authorityPem: "x".repeat(5_000), credential }])
  await KubeconfigFile.at(path, text, credential, `${path}-locks`)
  if (port === 1) process.stdout.write("writing\n")
}
