import { commandWords } from "../commandWords.ts"
import { checksumsName, signatureName, signChecksums, verifyChecksums } from "./checksums.ts"
import { allowedSigners } from "./keys.ts"
import { makeRelease } from "./makeRelease.ts"

const usage = `usage: bun run release --version X.Y.Z (--key PRIVATE_KEY | --unsigned) [--downloads URL]
Everything of a release in dist/release/, signed, and its images in dist/images/, whose digests are in the signed images.txt.
With --downloads, the URL under which the files will be public, the krew manifest is among it. --unsigned makes the same files
without a signature, to compare with somebody else's. CLUSTERCONNECT_RELEASE_KEY is a default of --key.`
const { values, refuse } = commandWords(usage, {
  options: {
    version: { type: "string" },
    key: { type: "string" },
    unsigned: { type: "boolean", default: false },
    downloads: { type: "string" },
  },
})
const { version = "", unsigned, downloads } = values
if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version)) refuse("--version: expected X.Y.Z")
if (unsigned && values.key !== undefined) refuse("--key and --unsigned exclude each other")
const key = unsigned ? undefined : (values.key ?? process.env.CLUSTERCONNECT_RELEASE_KEY)
if (!unsigned && key === undefined) refuse("--key is missing")

const folder = await makeRelease(version, downloads)
if (key !== undefined) {
  signChecksums(folder, key)
  await verifyChecksums(folder, allowedSigners)
}
console.log(
  `${folder}: version ${version}, ${key === undefined ? "NOT signed" : `${checksumsName} signed in ${signatureName}`}`,
)
