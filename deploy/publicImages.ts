/**
 * The one place of the names under which the images are published; manifests and charts are generated with them. A fork that
 * publishes its own changes them here.
 */
export const publicImages = {
  /** Operator, agent and auth proxy. */
  clusterconnect: "registry.clusterconnect.dev/clusterconnect",
  "clusterconnect-relay": "registry.clusterconnect.dev/clusterconnect-relay",
} as const

export type ImageName = keyof typeof publicImages
