import { exposition } from "../../platform/metrics.ts"

/** The value of a series now, as a scrape would find it; 0 while it has not been counted. `labels` as they stand in braces. */
export const metricValue = (name: string, labels: string): number => {
  const line = exposition()
    .split("\n")
    .find((text) => text.startsWith(`${name}{${labels}} `))
  return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(" ") + 1))
}
