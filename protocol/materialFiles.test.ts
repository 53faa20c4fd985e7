import { describe, expect, test } from "bun:test"
import { Either } from "effect"
import { newMaterial } from "./material.ts"
import { filesOf, type MaterialFileName, materialFileNames, materialFrom } from "./materialFiles.ts"

const request = {
  cluster: "edge-1",
  relayUrl: "https://relay.example.com",
  audiences: {},
  rootDays: 20,
  leafDays: 10,
  now: new Date("2026-05-01T00:00:00Z"),
}
const [material, other, elsewhere] = await Promise.all([
  newMaterial(request),
  newMaterial(request),
  newMaterial({ ...request, cluster: "edge-2" }),
])
const files = filesOf(material)
const refusal = (changed: Partial<Record<MaterialFileName, string>>) =>
  Either.match(materialFrom({ ...files, ...changed }), {
    onLeft: ({ file, message }) => ({ file, message }),
    onRight: () => undefined,
  })

test("material comes back from its files as it was", () => {
  const back = Either.getOrThrow(materialFrom(files))
  expect(filesOf(back)).toEqual(files)
  expect(back.pin).toBe(material.pin)
  expect(back.document).toEqual(material.document)
})

describe("files that do not belong together are refused:", () => {
  const foreign = filesOf(other)
  test.each([
    ["identity.key", "document"],
    ["session.key", "session.key"],
    ["root.crt", "root.key"],
    ["root.key", "root.key"],
    ["serving.crt", "serving.key"],
    ["serving.key", "serving.key"],
    ["document", "document"],
  ] as const)("another material's %s, blamed on %s", (name, blamed) => {
    expect(refusal({ [name]: foreign[name] })?.file).toBe(blamed)
  })
  test("another material's root with its key", () => {
    const said = refusal({ "root.crt": foreign["root.crt"], "root.key": foreign["root.key"] })
    expect(said?.message).toContain("the document does not list it")
  })
  test("another material's serving certificate with its key", () => {
    const said = refusal({ "serving.crt": foreign["serving.crt"], "serving.key": foreign["serving.key"] })
    expect(said?.message).toBe("serving.crt: root.crt did not issue it")
  })
  test("a serving certificate of our root for another cluster", async () => {
    const { newLeaf } = await import("./certificates.ts")
    const leaf = await newLeaf(material.root, "edge-2", 10, request.now)
    const said = refusal({ "serving.crt": leaf.certificatePem, "serving.key": leaf.keyPem })
    expect(said?.message).toBe("serving.crt: it is not for edge-1.clusterconnect.internal")
  })
  test("all of another cluster's but the document", () => {
    expect(refusal({ ...filesOf(elsewhere), document: files.document })?.file).toBe("document")
  })
})

describe("a file that is not what its name says is refused, and none of it is shown:", () => {
  test.each(materialFileNames.map((name) => [name]))("%s", (name) => {
    for (const text of ["", "not-to-be-shown", files[name].slice(0, 40)]) {
      const said = refusal({ [name]: text })
      expect(said?.file).toBe(name)
      if (text !== "") expect(said?.message).not.toContain(text)
    }
  })
})
