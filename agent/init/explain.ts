import { jwkOf } from "../../protocol/keys.ts"
import { materialFileNames } from "../../protocol/materialFiles.ts"
import type { Initialised } from "./initialise.ts"

/** What `init` tells a person: what was done, what is public, and the next command. Holds no private key and no token. */
export const explanation = (dir: string, { material, created, joined }: Initialised): string => {
  const { document, pin } = material
  const { clusterName: cluster, relayUrl } = document
  const jwk = JSON.stringify(jwkOf(document.identityKey))
  const made = created
    ? `Made the keys, certificates and document of cluster ${cluster} in ${dir}:\n  ${materialFileNames.join(" ")}`
    : `${dir} holds cluster ${cluster} already. Nothing was changed.`
  const registration =
    joined === "joined"
      ? `Joined ${relayUrl}: the cluster is registered.`
      : joined === "registered"
        ? `The join token was not taken, and need not be: the cluster is registered at ${relayUrl} by this identity key.`
        : `If ${relayUrl} does not know this cluster yet, its administrator runs there:\n` +
          `  clusterconnect-relay cluster add-key ${cluster} '${jwk}'\n` +
          `or you run init again with --join-token-file.`
  return [
    made,
    `identity pin  ${pin}`,
    `identity key  ${jwk}`,
    registration,
    `Next:\n  clusterconnect-agent auth-proxy --dir ${dir} --config FILE\n  clusterconnect-agent tunnel --dir ${dir} --auth-proxy HOST:PORT`,
    `identity.key and root.key are needed only by init: keep them offline, and back them up.\n`,
  ].join("\n\n")
}
