import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"

export interface KubeconfigPlaces {
  /** The file that kubectl would change, and that outranks the others when it reads. */
  readonly target: string
  /** The other files that kubectl reads. */
  readonly others: readonly string[]
}

/**
 * Kubectl's rules (clientcmd's PathOptions): $KUBECONFIG is a list, its first file that exists is changed, else its last;
 * without the variable it is ~/.kube/config.
 */
export const kubeconfigPlaces = (
  environment: Readonly<Record<string, string | undefined>>,
  home: string,
  exists: (path: string) => boolean = existsSync,
): KubeconfigPlaces => {
  const listed = [...new Set((environment.KUBECONFIG ?? "").split(delimiter).filter((path) => path !== ""))]
  const files = listed.length > 0 ? listed : [join(home, ".kube", "config")]
  const target = files.find(exists) ?? files.at(-1) ?? ""
  return { target, others: files.filter((file) => file !== target) }
}
