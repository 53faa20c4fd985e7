import type { Machine } from "./chooseProvider.ts"
import { k3sUnavailable } from "./k3s.ts"

/** What this machine and its environment offer. */
export function thisMachine(onProgress: (line: string) => void, environment: NodeJS.ProcessEnv = process.env): Machine {
  return {
    kubeconfig: environment.CLUSTERCONNECT_TEST_KUBECONFIG || undefined,
    insisted: environment.CLUSTERCONNECT_TEST_PROVIDER || undefined,
    k3sUnavailable: () => k3sUnavailable(onProgress),
    builtUnavailable,
  }
}

function builtUnavailable(): string | undefined {
  if (process.platform !== "linux") return `it needs Linux, this is ${process.platform}`
  if (process.getuid?.() !== 0) return "it needs root (network namespaces)"
  if (Bun.which("go") === null) return "there is no go on the PATH"
  return undefined
}
