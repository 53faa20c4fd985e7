import type { ClusterOptions, ProviderName } from "../Cluster.ts"

/** No provider can give the cluster that was asked for; the message says of each why not. */
export class NoProvider extends Error {
  override readonly name = "NoProvider"
}

/** CLUSTERCONNECT_TEST_PROVIDER holds something else than a provider's name. */
export class UnknownProvider extends Error {
  override readonly name = "UnknownProvider"
}

/** What the machine says; each reason is the end of the sentence "not used: …", undefined means that it can be used. */
export interface Machine {
  readonly kubeconfig: string | undefined
  readonly insisted: string | undefined
  readonly k3sUnavailable: () => Promise<string | undefined>
  readonly builtUnavailable: () => string | undefined
}

export interface Choice {
  readonly provider: ProviderName
  /** One line for every provider that comes before the chosen one and was not used. */
  readonly passedOver: readonly string[]
}

const ORDER = ["named", "k3s", "built"] as const satisfies readonly ProviderName[]

/** The first of the three that is there and can give what the options ask for. Never silent about the others. */
export async function chooseProvider(options: ClusterOptions, machine: Machine): Promise<Choice> {
  const { insisted } = machine
  if (insisted !== undefined && !(ORDER as readonly string[]).includes(insisted)) {
    throw new UnknownProvider(`CLUSTERCONNECT_TEST_PROVIDER is "${insisted}", expected one of ${ORDER.join(", ")}`)
  }
  const passedOver: string[] = []
  for (const provider of ORDER) {
    const reason =
      insisted !== undefined && insisted !== provider
        ? `CLUSTERCONNECT_TEST_PROVIDER is ${insisted}`
        : await unavailable(provider, options, machine)
    if (reason === undefined) return { provider, passedOver }
    passedOver.push(`${provider} is not used: ${reason}`)
  }
  throw new NoProvider(
    [
      "no Kubernetes to test against; there are three ways:",
      "1. name a cluster: CLUSTERCONNECT_TEST_KUBECONFIG=/path/to/kubeconfig",
      "2. k3s: let a Docker engine run here (testcontainers finds it) with privileged containers and the k3s image",
      "3. build it: Linux, root, Go 1.26 or newer",
      ...passedOver,
    ].join("\n"),
  )
}

async function unavailable(
  provider: ProviderName,
  options: ClusterOptions,
  machine: Machine,
): Promise<string | undefined> {
  if (provider === "built") return machine.builtUnavailable()
  if (provider === "named" && machine.kubeconfig === undefined) return "CLUSTERCONNECT_TEST_KUBECONFIG is not set"
  const special = onlyBuilt(options)
  if (special.length > 0) return `it cannot give ${special.join(", ")}`
  return provider === "k3s" ? machine.k3sUnavailable() : undefined
}

/** Options that change the cluster itself: only a cluster of our own making can give them. */
export function onlyBuilt(options: ClusterOptions): readonly string[] {
  const asked: [boolean, string][] = [
    [options.emulatedVersion !== undefined, `version ${options.emulatedVersion}`],
    [options.auditLog === true, "an audit log"],
    [options.authenticationConfig !== undefined, "an authentication configuration"],
    [(options.apiServerFlags?.length ?? 0) > 0, "API server flags"],
    [options.closed === true, "a closed network"],
    [options.detached === true, "a cluster that outlives its starter"],
  ]
  return asked.filter(([wanted]) => wanted).map(([, name]) => name)
}
