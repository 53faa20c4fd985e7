/** What `bun run test` runs, in this order. A suite is a list of paths that `bun test` gets. */
export interface Suite {
  readonly name: string
  readonly what: string
  readonly paths: readonly string[]
  /** Seconds it took on two cores with nothing cached, for the reader who waits. */
  readonly tookSeconds: number
}

export const suites: readonly Suite[] = [
  {
    name: "unit",
    what: "every part by itself, on real sockets, files and SQLite; facts about Bun that the design stands on",
    paths: [
      "./protocol",
      "./identity",
      "./platform",
      "./relay",
      "./agent",
      "./proxy",
      "./test/idp",
      "./test/conformance",
      "./test/importRules.test.ts",
    ],
    tookSeconds: 240,
  },
  {
    name: "cluster",
    what: "the real Kubernetes that the others stand on",
    paths: ["./test/cluster"],
    tookSeconds: 900,
  },
  {
    name: "e2e",
    what: "real kubectl through proxy, relay, agent and auth proxy to a cluster with no inbound port",
    paths: ["./test/e2e"],
    tookSeconds: 420,
  },
]
