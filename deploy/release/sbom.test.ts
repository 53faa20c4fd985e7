import { expect, test } from "bun:test"
import { Spec, Validation } from "@cyclonedx/cyclonedx-library"
import packageJson from "../../package.json" with { type: "json" }
import { sbom, shippedPackages } from "./sbom.ts"

test("the SBOM is valid CycloneDX 1.6, by the strict schema of the standard's own library", async () => {
  expect(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(sbom("1.2.3"))).toBeNull()
})

test("the schema check can fail", async () => {
  const broken = sbom("1.2.3").replace('"SHA-512"', '"SHA-9"')
  expect(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(broken)).not.toBeNull()
})

test("the SBOM names every dependency, Bun and what they lead to, but nothing that only tests need", () => {
  const names = new Set([...shippedPackages().values()].map(({ name }) => name))
  for (const name of Object.keys(packageJson.dependencies)) expect(names).toContain(name)
  expect(names).toContain("bun")
  expect(names.size).toBeGreaterThan(Object.keys(packageJson.dependencies).length + 1)
  expect(names).not.toContain("testcontainers")
  expect(sbom("1.2.3")).toBe(sbom("1.2.3"))
})
