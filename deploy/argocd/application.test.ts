import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse, parseAllDocuments } from "yaml"

const textOf = (...path: readonly string[]) => readFileSync(join(import.meta.dir, ...path), "utf8")

test("Argo CD is told neither to prune nor to delete the definition, by a patch that fits it", () => {
  const [operator] = parseAllDocuments(textOf("application.yaml")).map((document) => document.toJS())
  const [patch, ...others] = operator.spec.source.kustomize.patches
  const { apiVersion, kind, metadata } = parse(textOf("..", "..", "crds", "clusterconnect.yaml"))
  expect(others).toEqual([])
  expect(patch.target).toEqual({ kind, name: metadata.name })
  expect(parse(patch.patch)).toEqual({
    apiVersion,
    kind,
    metadata: {
      name: metadata.name,
      annotations: { "argocd.argoproj.io/sync-options": "Prune=false,Delete=false" },
    },
  })
})
