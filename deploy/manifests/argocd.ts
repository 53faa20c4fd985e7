import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { stringify } from "yaml"
import { group, kind } from "../../crds/ClusterConnect.ts"

const script = fileURLToPath(new URL("../argocd/health.lua", import.meta.url))

/** What is merged into Argo CD's ConfigMap `argocd-cm`. */
export const argocdPatch = (): string =>
  stringify(
    { data: { [`resource.customizations.health.${group}_${kind}`]: readFileSync(script, "utf8") } },
    { lineWidth: 0, blockQuote: "literal" },
  )
