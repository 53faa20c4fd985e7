/** Metrics on Effect's registry, with Prometheus' text exposition. */
export { EXPOSITION_CONTENT_TYPE, exposition } from "./metrics/exposition.ts"
export {
  BYTES_BUCKETS,
  beforeScrape,
  type Counter,
  counter,
  type Declaration,
  declarations,
  type Gauge,
  gauge,
  type Histogram,
  histogram,
  type Labels,
  MAX_SERIES,
  SECONDS_BUCKETS,
} from "./metrics/instruments.ts"
export { METRIC_PREFIX, MetricInvalid } from "./metrics/names.ts"
