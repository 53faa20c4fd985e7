import { Schema } from "effect"
import { ClusterConnectSpec } from "../../../crds/ClusterConnectSpec.ts"
import { newMaterial } from "../../../protocol/material.ts"
import { filesOf } from "../../../protocol/materialFiles.ts"
import type { ChildrenInput } from "../ChildrenInput.ts"

type WrittenSpec = typeof ClusterConnectSpec.Encoded

/** A cluster's keys and document, real ones. */
export const credentialsFor = async (relayUrl: string): Promise<ChildrenInput["credentials"]> => {
  const material = await newMaterial({
    cluster: "edge-1",
    relayUrl,
    audiences: {},
    rootDays: 3650,
    leafDays: 60,
    now: new Date(),
  })
  const { leaf, signedDocument } = material
  return { sessionKeyPem: filesOf(material)["session.key"], signedDocument, leaf }
}

/** Made once: they cost more than every test. */
const credentials = await credentialsFor("https://relay.example.com:8443")

/** A spec as a user writes it. */
export const writtenSpec: WrittenSpec = {
  clusterName: "edge-1",
  relay: { url: "https://relay.example.com:8443/" },
  authentication: {
    jwt: [
      {
        name: "main",
        issuer: { url: "https://idp.example.com" },
        claimMappings: { username: { claim: "sub", prefix: "main:" } },
      },
    ],
  },
}

/** What the operator knows of a resource called `edge`; its spec as the API server and decoding fill it in. */
export const childrenInput = (
  changes: Partial<WrittenSpec> = {},
  input: Partial<Omit<ChildrenInput, "resource">> = {},
): ChildrenInput => ({
  resource: {
    name: "edge",
    uid: "7d3c5a7e-0000-4000-8000-000000000001",
    spec: Schema.decodeUnknownSync(ClusterConnectSpec)({ ...writtenSpec, ...changes }),
  },
  namespace: "clusterconnect",
  operatorImage: "registry.example.com:5000/clusterconnect:1.2.3",
  roleMode: "Constrained",
  constrainedWorked: true,
  credentials,
  httpProxy: undefined,
  digestKey: new Uint8Array(32).fill(7),
  apiServerPorts: [443, 6443],
  ...input,
})
