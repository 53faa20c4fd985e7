import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** A chart of these objects, and its folder. A string value may be a template. */
export const writeChart = (directory: string, name: string, objects: readonly object[]): string => {
  const chart = join(directory, `chart-${name}`)
  mkdirSync(join(chart, "templates"), { recursive: true })
  writeFileSync(join(chart, "Chart.yaml"), `apiVersion: v2\nname: ${name}\nversion: 0.1.0\n`)
  writeFileSync(join(chart, "values.yaml"), "said: installed\n")
  for (const [index, object] of objects.entries())
    writeFileSync(join(chart, "templates", `${index}.yaml`), JSON.stringify(object))
  return chart
}

export const configMap = (name: string, data: object) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  data,
})

/** A Job that the installation waits for. Where no controller runs, somebody else must say that it is complete. */
export const hookJob = (name: string, container: object = { image: "never-pulled", command: ["true"] }) => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name, annotations: { "helm.sh/hook": "pre-install,pre-upgrade" } },
  spec: {
    backoffLimit: 0,
    template: { spec: { restartPolicy: "Never", containers: [{ name: "main", ...container }] } },
  },
})
