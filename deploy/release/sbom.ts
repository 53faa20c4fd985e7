import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import packageJson from "../../package.json" with { type: "json" }
import { type DebianPackage, debianPins, debianRelease } from "../image/debianPins.ts"
import { type LockedPackage, lockedPackages } from "../lockfile.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** What is inside the released programs beside our own sources: Bun, and every package that a dependency of ours leads to. */
export const shippedPackages = (locked = lockedPackages()): ReadonlyMap<string, LockedPackage> => {
  const shipped = new Map<string, LockedPackage>()
  const visit = (key: string) => {
    const found = locked.get(key)
    if (found === undefined || shipped.has(key)) return
    shipped.set(key, found)
    for (const name of found.dependencies) visit(resolved(locked, key, name))
  }
  for (const name of Object.keys(packageJson.dependencies)) visit(name)
  const bun = locked.get("bun")
  if (bun === undefined) throw new Error("bun.lock does not name bun")
  return shipped.set("bun", bun)
}

/** The lockfile's key of what `name` means inside the package at `key`: the nearest copy on the way up. */
const resolved = (locked: ReadonlyMap<string, LockedPackage>, key: string, name: string): string => {
  const parents = key.match(/@[^/]+\/[^/]+|[^/]+/g) ?? []
  for (let depth = parents.length; depth > 0; depth--) {
    const nested = [...parents.slice(0, depth), name].join("/")
    if (locked.has(nested)) return nested
  }
  return name
}

const purl = ({ name, version }: LockedPackage) =>
  `pkg:npm/${name.startsWith("@") ? `%40${name.slice(1)}` : name}@${version}`

/** What is in the images beside the programs. */
const debianPurl = ({ name, version, architecture }: DebianPackage) =>
  `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}&distro=${debianRelease}`

const licenceOf = (key: string): readonly object[] => {
  const path = join(
    root,
    "node_modules",
    ...(key.match(/@[^/]+\/[^/]+|[^/]+/g) ?? []).flatMap((name, depth) =>
      depth === 0 ? [name] : ["node_modules", name],
    ),
    "package.json",
  )
  if (!existsSync(path)) return []
  const { license } = JSON.parse(readFileSync(path, "utf8")) as { license?: unknown }
  if (typeof license !== "string") return []
  return /^[A-Za-z0-9.-]+$/.test(license) ? [{ license: { id: license } }] : [{ expression: license }]
}

/** A CycloneDX 1.6 document from bun.lock and the pinned Debian packages alone: the same of both and the same version give the same bytes, so it has no time and no random name. */
export const sbom = (version: string): string => {
  const locked = lockedPackages()
  const shipped = shippedPackages(locked)
  const own = `pkg:generic/clusterconnect@${version}`
  const components = [...shipped].map(([key, one]) => ({
    type: key === "bun" ? "platform" : "library",
    "bom-ref": `${purl(one)}#${key}`,
    name: one.name,
    version: one.version,
    purl: purl(one),
    hashes: [{ alg: "SHA-512", content: Buffer.from(one.integrity.slice("sha512-".length), "base64").toString("hex") }],
    licenses: licenceOf(key),
  }))
  const inImages = debianPins.map((one) => ({
    type: "library",
    "bom-ref": debianPurl(one),
    name: one.name,
    version: one.version,
    purl: debianPurl(one),
    hashes: [{ alg: "SHA-256", content: one.sha256 }],
  }))
  const reference = (key: string) => `${purl(shipped.get(key) as LockedPackage)}#${key}`
  const direct = [...Object.keys(packageJson.dependencies), "bun"].map(reference)
  const dependencies = [
    { ref: own, dependsOn: [...direct, ...debianPins.map(debianPurl)] },
    ...[...shipped].map(([key, one]) => ({
      ref: reference(key),
      dependsOn:
        key === "bun"
          ? []
          : one.dependencies
              .map((name) => resolved(locked, key, name))
              .flatMap((found) => (shipped.has(found) ? [reference(found)] : [])),
    })),
  ]
  const document = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": own,
        name: "clusterconnect",
        version,
        licenses: [{ license: { id: packageJson.license } }],
      },
      properties: [
        {
          name: "clusterconnect:bun.lock:sha256",
          value: createHash("sha256")
            .update(readFileSync(join(root, "bun.lock")))
            .digest("hex"),
        },
      ],
    },
    components: [...components, ...inImages],
    dependencies,
  }
  return `${JSON.stringify(document, null, 2)}\n`
}
