import { stringify } from "yaml"
import { definition } from "../../crds/ClusterConnect.ts"
import { impersonationRoles } from "../../identity/impersonationRoles.ts"
import packageJson from "../../package.json" with { type: "json" }
import { type ImageName, publicImages } from "../publicImages.ts"
import { manifestText } from "./installation.ts"
import type { Manifest } from "./names.ts"
import { operatorRights, uninstallAccount } from "./operatorRights.ts"

/** Where a chart says which image is its own: the templates read it, so that values.yaml need not name it. */
const imageAnnotations = {
  repository: "clusterconnect.dev/image",
  /** In charts of a release only. */
  digest: "clusterconnect.dev/image-digest",
} as const

const descriptions: Readonly<Record<ImageName, string>> = {
  clusterconnect: "The operator: one ClusterConnect, applied, is a cluster that can be reached without an inbound port",
  "clusterconnect-relay": "The public service that agents and users dial; it can neither read nor forge what passes",
}

export interface ChartOptions {
  readonly version: string
  /** "sha256:…"; without it pods name the version's tag. */
  readonly digest?: string
}

/** Chart.yaml of the chart that is called as its image. */
export const chartYaml = (name: ImageName, { version, digest }: ChartOptions): string =>
  stringify(
    {
      apiVersion: "v2",
      name,
      description: descriptions[name],
      type: "application",
      version,
      appVersion: version,
      kubeVersion: ">=1.30.0-0",
      annotations: {
        [imageAnnotations.repository]: publicImages[name],
        ...(digest === undefined ? {} : { [imageAnnotations.digest]: digest }),
        licenses: packageJson.license,
      },
    },
    { lineWidth: 0 },
  )

const namespaceSentinel = "release-namespace"

/** A text in which Helm replaces nothing but the namespace. */
const template = (text: string): string => {
  if (text.includes("{{")) throw new Error("a manifest holds {{, which Helm would read as its own")
  return text.replaceAll(`namespace: ${namespaceSentinel}`, "namespace: {{ .Release.Namespace }}")
}

/** Helm makes it just before the Job of templates/uninstall.yaml, and removes it when that has succeeded. */
const beforeUninstall = (object: Manifest): Manifest => ({
  ...object,
  metadata: {
    ...object.metadata,
    annotations: {
      "helm.sh/hook": "pre-delete",
      "helm.sh/hook-weight": "-1",
      "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
    },
  },
})

/** Templates of the operator's chart that hold nothing to choose, by their names in the chart. */
export const operatorTemplates = (): Readonly<Record<string, string>> => {
  const { metadata, ...rest } = definition()
  const isForAuthProxies = ({ metadata: { name } }: Manifest) =>
    impersonationRoles.some((role) => role.metadata.name === name)
  const rights = operatorRights(namespaceSentinel)
  const kept = { ...rest, metadata: { ...metadata, annotations: { "helm.sh/resource-policy": "keep" } } }
  return {
    "templates/crds.yaml": `{{- if .Values.crds.enabled }}\n${template(manifestText([kept]))}{{- end }}\n`,
    "templates/rights.yaml": template(manifestText(rights.filter((one) => !isForAuthProxies(one)))),
    "templates/impersonation-roles.yaml": `{{- if .Values.impersonationRoles.enabled }}\n${template(
      manifestText(rights.filter(isForAuthProxies)),
    )}{{- end }}\n`,
    "templates/uninstall-rights.yaml": `{{- if .Values.uninstall.enabled }}\n${template(
      manifestText(uninstallAccount(namespaceSentinel).map(beforeUninstall)),
    )}{{- end }}\n`,
  }
}
