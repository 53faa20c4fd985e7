import { publicImages } from "../publicImages.ts"
import { manifestText, operatorObjects } from "./installation.ts"
import type { Manifest } from "./names.ts"
import { operatorName } from "./names.ts"

/** Stands for the image in the base; its kustomization.yaml says what it is. */
const imageName = "clusterconnect"

const files = {
  "namespace.yaml": ["Namespace"],
  "rights.yaml": ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
  "workload.yaml": ["Deployment", "PodDisruptionBudget", "NetworkPolicy"],
} as const

export interface BaseOptions {
  readonly version: string
  /** "sha256:…" of the image; without it pods name the version's tag. */
  readonly digest?: string
}

const kustomization = ({ version, digest }: BaseOptions) => ({
  apiVersion: "kustomize.config.k8s.io/v1beta1",
  kind: "Kustomization",
  resources: Object.keys(files),
  images: [
    {
      name: imageName,
      newName: publicImages.clusterconnect,
      ...(digest === undefined ? { newTag: version } : { digest }),
    },
  ],
  replacements: [
    {
      source: {
        kind: "Deployment",
        name: operatorName,
        fieldPath: "spec.template.spec.containers.[name=operator].image",
      },
      targets: [
        {
          select: { kind: "Deployment", name: operatorName },
          fieldPaths: ["spec.template.spec.containers.[name=operator].env.[name=CLUSTERCONNECT_IMAGE].value"],
        },
      ],
    },
  ],
})

/** Texts of the kustomize base by their names in deploy/kustomize/operator. */
export const kustomizeBase = (options: BaseOptions): Readonly<Record<string, string>> => {
  const objects = operatorObjects({ image: imageName })
  const of = (kinds: readonly string[]): readonly Manifest[] => objects.filter(({ kind }) => kinds.includes(kind))
  const texts = Object.entries(files).map(([name, kinds]) => [name, manifestText(of(kinds))] as const)
  return Object.fromEntries([...texts, ["kustomization.yaml", manifestText([kustomization(options)])]])
}
