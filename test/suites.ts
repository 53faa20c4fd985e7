/** What `bun run test` runs, in this order. A suite is a list of paths that `bun test` gets. */
export interface Suite {
  readonly name: string
  readonly what: string
  readonly paths: readonly string[]
  /** It runs the standalone binaries of this checkout, as they are shipped, in place of its sources. */
  readonly compiled?: true
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
      "./operator",
      "./test/idp",
      "./test/client",
      "./test/conformance",
      "./test/attack-long",
      "./test/model",
      "./test/leaks",
      "./test/properties",
      "./test/importRules.test.ts",
      "./test/links.test.ts",
      "./test/commandLines.test.ts",
      "./test/longProgram.test.ts",
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
    name: "deploy",
    what: "binaries, images, manifests, charts by real helm and the examples by real Flux",
    paths: ["./deploy"],
    tookSeconds: 300,
  },
  {
    name: "attack",
    what: "attacks on the real programs, by class; the API server's audit log is the judge",
    paths: ["./test/attack"],
    compiled: true,
    tookSeconds: 150,
  },
  {
    name: "compiled",
    what: "the compiled client by itself: run, and a user's kubeconfig under kill -9",
    paths: ["./test/client/run.test.ts", "./test/client/merge.test.ts"],
    compiled: true,
    tookSeconds: 60,
  },
  {
    name: "failures",
    what: "every hop broken once: one message that names it, and work goes on when the cause is gone",
    paths: ["./test/failures", "./test/limits"],
    tookSeconds: 240,
  },
  {
    name: "faults",
    what: "kubectl sessions go on while relay and agent are killed and drained",
    paths: ["./test/fault"],
    tookSeconds: 60,
  },
  {
    name: "stranger",
    what: "the compiled client as a stranger gets it: download, verify, log in, proxy, kubectl, Ctrl-C, nothing left over",
    paths: ["./test/stranger"],
    tookSeconds: 20,
  },
  {
    name: "job",
    what: "a CI job that deploys to two closed clusters: run with real kubectl and helm, and sessions longer than their tokens",
    paths: ["./test/job"],
    compiled: true,
    tookSeconds: 60,
  },
  {
    name: "e2e",
    what: "real kubectl through proxy, relay, agent and auth proxy to a cluster with no inbound port",
    paths: ["./test/e2e"],
    compiled: true,
    tookSeconds: 420,
  },
  {
    name: "operator",
    what: "the operator's image installed, upgraded and taken away as users do it, on a closed cluster",
    paths: ["./test/operator"],
    tookSeconds: 420,
  },
]
