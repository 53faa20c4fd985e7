/**
 * `bun run release --version X.Y.Z --key PRIVATE_KEY [--downloads URL]`: everything of a release in dist/release/, signed, and its
 * images in dist/images/, whose digests are in the signed images.txt.
 * The krew manifest is among it when the URL is known under which the files will be public. `--unsigned` instead of `--key` makes the same files without a signature, to compare with somebody else's.
 */
import { parseArgs } from "node:util"
import { checksumsName, signatureName, signChecksums, verifyChecksums } from "./checksums.ts"
import { allowedSigners } from "./keys.ts"
import { makeRelease } from "./makeRelease.ts"

const { values } = parseArgs({
  options: {
    version: { type: "string" },
    key: { type: "string", default: process.env.CLUSTERCONNECT_RELEASE_KEY },
    unsigned: { type: "boolean", default: false },
    downloads: { type: "string" },
  },
})
const { version = "", key, unsigned, downloads } = values
if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version) || unsigned === (key !== undefined)) {
  console.error("usage: bun run release --version X.Y.Z (--key PRIVATE_KEY | --unsigned) [--downloads URL]")
  process.exit(2)
}

const folder = await makeRelease(version, downloads)
if (key !== undefined) {
  signChecksums(folder, key)
  await verifyChecksums(folder, allowedSigners)
}
console.log(
  `${folder}: version ${version}, ${key === undefined ? "NOT signed" : `${checksumsName} signed in ${signatureName}`}`,
)
