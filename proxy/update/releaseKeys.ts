/** The keys that sign releases, as in deploy/release/allowed_signers, from which `bun run release-keys` writes them here. */
// BEGIN RELEASE KEYS
export const releaseKeys = `release@clusterconnect.dev namespaces="clusterconnect-release" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJsNpgXPkrR9IVN+9bdPlX6lyzhny/+B2iLQqKUE/Qi0
`
// END RELEASE KEYS
