import { readdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { TarEntry } from "../image/tarArchive.ts"
import type { ImageName } from "../publicImages.ts"
import { type ChartOptions, chartYaml } from "./chart.ts"
import { writeCompressed } from "./writeCompressed.ts"

const charts = fileURLToPath(new URL("../helm", import.meta.url))

/** As `helm package` calls it. */
export const chartArchiveName = (name: ImageName, version: string): string => `${name}-${version}.tgz`

/** What `helm package` would make of the chart, with the release's version and its image's digest; the same chart and options give the same bytes. */
export const writeChartArchive = async (name: ImageName, options: ChartOptions, file: string): Promise<void> => {
  const folder = join(charts, name)
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => !path.startsWith("examples/"))
    .sort()
  const entry = (path: string): TarEntry => {
    const common = { type: "file", path: `${name}/${path}`, mode: 0o644 } as const
    return path === "Chart.yaml"
      ? { ...common, content: Buffer.from(chartYaml(name, options)) }
      : { ...common, source: join(folder, path) }
  }
  // Helm looks for this file first.
  await writeCompressed(file, ["Chart.yaml", ...paths.filter((path) => path !== "Chart.yaml")].map(entry))
}
