import { existsSync, readFileSync, realpathSync } from "node:fs"
import { basename, delimiter, dirname, join } from "node:path"
import { LocalFailure } from "../failures.ts"
import { KubeconfigDocument } from "./KubeconfigDocument.ts"
import { isSessionCredential } from "./ownEntries.ts"

export interface KubeconfigPlaces {
  /** The file that kubectl would change, and that outranks the others when it reads. */
  readonly target: string
  /** The other files that kubectl reads. */
  readonly others: readonly string[]
}

/** What is asked of the file system. */
interface Files {
  readonly exists?: (path: string) => boolean
  /** Whether the file goes when a proxy ends, and everything that was merged into it would be nowhere then. */
  readonly isPassing?: (path: string) => boolean
}

/**
 * Kubectl's rules (clientcmd's PathOptions): $KUBECONFIG is a list, its first file that exists is changed, else its last;
 * without the variable it is ~/.kube/config. A running proxy's own file is never the target.
 * @throws {LocalFailure} when $KUBECONFIG names no other file
 */
export const kubeconfigPlaces = (
  environment: Readonly<Record<string, string | undefined>>,
  home: string,
  { exists = existsSync, isPassing = () => false }: Files = {},
): KubeconfigPlaces => {
  const listed = [...new Set((environment.KUBECONFIG ?? "").split(delimiter).filter((path) => path !== ""))]
  const files = listed.length > 0 ? listed : [join(home, ".kube", "config")]
  const lasting = files.filter((file) => !isPassing(file))
  const target = lasting.find(exists) ?? lasting.at(-1)
  if (target === undefined)
    throw new LocalFailure({
      detail: `KUBECONFIG names ${files.join(delimiter)}, which a running proxy wrote and takes away at its end: unset KUBECONFIG, or name another file with --file`,
    })
  return { target, others: files.filter((file) => file !== target) }
}

/** Of the folder in which `run` has its kubeconfig; it goes with all that is in it. */
export const runFolderPrefix = "clusterconnect-run-"

/** Whether a file of this folder, which is ours, or of one of `run`, holds a proxy's session. */
export const passingIn =
  (folder: string) =>
  (path: string): boolean => {
    try {
      const its = realpathSync(dirname(path))
      if (!basename(its).startsWith(runFolderPrefix) && its !== realpathSync(folder)) return false
      const file = new KubeconfigDocument(path, readFileSync(path, "utf8"))
      return file.names("users").some((name) => isSessionCredential(file.content("users", name).token))
    } catch {
      return false
    }
  }
