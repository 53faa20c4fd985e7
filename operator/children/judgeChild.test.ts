import { expect, test } from "bun:test"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { childrenOf } from "./childrenOf.ts"
import { judgeChild, rememberedFrom } from "./judgeChild.ts"
import { childrenInput } from "./testing/childrenInput.ts"

// biome-ignore lint/suspicious/noExplicitAny: objects as JSON
type Loose = any
const { owner, desired } = childrenOf(childrenInput())
const agent = desired.find(({ kind, metadata }) => kind === "Deployment" && metadata.name === "cc-edge-agent")!

/** The agent's Deployment as the API server gives it back, changed by whom it may be. */
const stored = (change: (object: Loose) => void = () => {}): KubernetesObject => {
  const object = structuredClone<Loose>({ ...agent, status: { replicas: 2 } })
  Object.assign(object.metadata, { uid: "u", resourceVersion: "7", generation: 1, managedFields: [{}] })
  change(object)
  return object
}
const verdict = (live: KubernetesObject | undefined, remembered?: KubernetesObject, wanted = agent) =>
  judgeChild(wanted, live, owner, remembered && rememberedFrom(agent, remembered))

const sidecar = ({ spec }: Loose) => spec.template.spec.containers.push({ name: "injected", image: "mesh" })

test.each<[string, ReturnType<typeof verdict>, string]>([
  ["what is not there is created", verdict(undefined), "Create"],
  ["what is as wanted is kept", verdict(stored()), "Keep"],
  ["what has more is replaced", verdict(stored(sidecar)), "Replace"],
  ["what was stored with more at the last write is kept", verdict(stored(sidecar), stored(sidecar)), "Keep"],
  ["what was stored with more and has lost it is replaced", verdict(stored(), stored(sidecar)), "Replace"],
  [
    "what was stored with more is replaced when another child is wanted",
    verdict(stored(sidecar), stored(sidecar), {
      ...agent,
      spec: { ...(agent.spec as object), revisionHistoryLimit: 2 },
    }),
    "Replace",
  ],
  [
    "what belongs to somebody else is foreign",
    verdict(stored(({ metadata }) => Object.assign(metadata, { ownerReferences: [{ uid: "other" }] }))),
    "Foreign",
  ],
  [
    "what belongs to nobody is foreign, also when it goes",
    verdict(
      stored(({ metadata }) => Object.assign(metadata, { ownerReferences: undefined, deletionTimestamp: "now" })),
    ),
    "Foreign",
  ],
  [
    "what an earlier resource of this name has left is left to the garbage collector",
    verdict(
      stored(({ metadata }) =>
        Object.assign(metadata, { ownerReferences: [{ kind: "ClusterConnect", name: "edge", uid: "earlier" }] }),
      ),
    ),
    "Leaving",
  ],
  [
    "what another resource has is foreign",
    verdict(
      stored(({ metadata }) =>
        Object.assign(metadata, { ownerReferences: [{ kind: "ClusterConnect", name: "other", uid: "other" }] }),
      ),
    ),
    "Foreign",
  ],
  [
    "what goes is left to go",
    verdict(stored(({ metadata }) => Object.assign(metadata, { deletionTimestamp: "now" }))),
    "Leaving",
  ],
  [
    "what selects other pods is made anew",
    verdict(stored(({ spec }) => Object.assign(spec.selector.matchLabels, { a: "b" }))),
    "Recreate",
  ],
])("%s", (_, { _tag }, expected) => expect(_tag).toBe(expected as never))

test("the order of keys is no difference", () => {
  const reversed = (value: Loose): Loose =>
    Array.isArray(value)
      ? value.map(reversed)
      : typeof value === "object" && value !== null
        ? Object.fromEntries(
            Object.entries(value)
              .toReversed()
              .map(([key, one]) => [key, reversed(one)]),
          )
        : value
  expect(verdict(reversed(stored()))._tag).toBe("Keep")
})

test("the replacement is for the version that was read, and says nothing about field managers", () => {
  const judged = verdict(stored(sidecar))
  if (judged._tag !== "Replace") return expect.unreachable(judged._tag)
  expect(judged.object.metadata).toMatchObject({ uid: "u", resourceVersion: "7" })
  expect(judged.object.metadata).not.toHaveProperty("managedFields")
  expect(judged.object).not.toHaveProperty("status")
})
