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
      "./crds",
      "./test/idp",
      "./test/conformance",
      "./test/attack-long",
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
    name: "attack",
    what: "attacks on the real programs, by class; the API server's audit log is the judge",
    paths: ["./test/attack"],
    tookSeconds: 150,
  },
  {
    name: "failures",
    what: "every hop broken once: one message that names it, and work goes on when the cause is gone",
    paths: ["./test/failures", "./test/limits"],
    tookSeconds: 240,
  },
  {
    name: "e2e",
    what: "real kubectl through proxy, relay, agent and auth proxy to a cluster with no inbound port",
    paths: ["./test/e2e"],
    tookSeconds: 420,
  },
]
