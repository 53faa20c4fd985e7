import { describe, expect, test } from "bun:test"
import { beforeScrape, counter, exposition, gauge, histogram, MAX_SERIES, MetricInvalid } from "../metrics.ts"

const lines = (name: string) =>
  exposition()
    .split("\n")
    .filter((line) => line.includes(name))

describe("the exposition", () => {
  test("gives a counter its help and type, and 0 before it was ever touched", () => {
    counter("clusterconnect_test_plain_total", "Plain things.")
    expect(lines("test_plain")).toEqual([
      "# HELP clusterconnect_test_plain_total Plain things.",
      "# TYPE clusterconnect_test_plain_total counter",
      "clusterconnect_test_plain_total 0",
    ])
  })

  test("adds up per label, also through a counter that was looked up once", () => {
    const bytes = counter("clusterconnect_test_bytes_total", "Bytes.", ["direction"])
    const up = bytes.with({ direction: "up" })
    up.add(5)
    up.add()
    bytes.add(3, { direction: "down" })
    expect(lines("test_bytes_total{").sort()).toEqual([
      'clusterconnect_test_bytes_total{direction="down"} 3',
      'clusterconnect_test_bytes_total{direction="up"} 6',
    ])
  })

  test("escapes label values and help", () => {
    counter("clusterconnect_test_escape_total", "a\\b\nc", ["reason"]).add(1, { reason: 'say "no"\\\n' })
    expect(lines("test_escape")).toContain("# HELP clusterconnect_test_escape_total a\\\\b\\nc")
    expect(lines("test_escape")).toContain('clusterconnect_test_escape_total{reason="say \\"no\\"\\\\\\n"} 1')
  })

  test("gives gauges their last value", () => {
    const open = gauge("clusterconnect_test_open", "Open.")
    open.set(3)
    open.add(-2)
    expect(lines("test_open ")).toContain("clusterconnect_test_open 1")
  })

  test("gives histograms cumulative buckets, sum and count", () => {
    const seconds = histogram("clusterconnect_test_seconds", "Time.", ["hop"], [0.1, 1])
    for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe(value, { hop: "relay" })
    expect(lines("test_seconds")).toEqual([
      "# HELP clusterconnect_test_seconds Time.",
      "# TYPE clusterconnect_test_seconds histogram",
      'clusterconnect_test_seconds_bucket{hop="relay",le="0.1"} 2',
      'clusterconnect_test_seconds_bucket{hop="relay",le="1"} 3',
      'clusterconnect_test_seconds_bucket{hop="relay",le="+Inf"} 4',
      'clusterconnect_test_seconds_sum{hop="relay"} 7.65',
      'clusterconnect_test_seconds_count{hop="relay"} 4',
    ])
  })

  test("asks collectors at every scrape, until they are stopped", () => {
    const now = gauge("clusterconnect_test_collected", "Now.")
    let value = 0
    const stop = beforeScrape(() => now.set(++value))
    expect(lines("test_collected")).toContain("clusterconnect_test_collected 1")
    stop()
    expect(lines("test_collected")).toContain("clusterconnect_test_collected 1")
  })

  test("has the process's own metrics, each family once", () => {
    const types = exposition()
      .split("\n")
      .filter((line) => line.startsWith("# TYPE"))
    expect(new Set(types).size).toBe(types.length)
    expect(types).toContain("# TYPE process_resident_memory_bytes gauge")
  })

  test("bounds the series that peers can make", () => {
    const many = counter("clusterconnect_test_many_total", "Many.", ["cluster"])
    for (let index = 0; index < MAX_SERIES + 10; index++) many.add(1, { cluster: `c${index}` })
    expect(lines("test_many_total{")).toHaveLength(MAX_SERIES + 1)
    expect(lines("test_many_total{")).toContain('clusterconnect_test_many_total{cluster="overflow"} 10')
  })
})

describe("a metric is refused", () => {
  test.each([
    ["without our prefix", () => counter("streams_total", "h")],
    ["as a counter without _total", () => counter("clusterconnect_streams", "h")],
    ["as a gauge with _total", () => gauge("clusterconnect_streams_total", "h")],
    ["as a histogram in another unit", () => histogram("clusterconnect_latency_milliseconds", "h")],
    ["without help", () => counter("clusterconnect_x_total", " ")],
    ["with a label that could name a person", () => counter("clusterconnect_x_total", "h", ["username"])],
    ["with a label that is no name", () => counter("clusterconnect_x_total", "h", ["a-b"])],
    [
      "under a name that is another kind",
      () => [gauge("clusterconnect_twice_seconds", "h"), histogram("clusterconnect_twice_seconds", "h")],
    ],
  ])("%s", (_, make) => expect(make).toThrow(MetricInvalid))
})
