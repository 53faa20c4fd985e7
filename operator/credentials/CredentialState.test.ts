import { expect, test } from "bun:test"
import { Either } from "effect"
import { type CredentialState, filesOfState, stateFrom } from "./CredentialState.ts"
import { newState } from "./makeChange.ts"
import { newWorld, wanted } from "./testing/RotationWorld.ts"

test("a Secret of which any part is damaged is refused by that part's name, and nothing of it is told", async () => {
  const { state } = await newWorld()
  const other = await newState(wanted, new Date("2026-01-01T00:00:00Z"))
  const refused = (damage: Partial<CredentialState>) =>
    Either.getOrThrow(Either.flip(stateFrom(filesOfState({ ...state, ...damage })))).detail
  expect(Either.isRight(stateFrom(filesOfState(state)))).toBe(true)
  for (const part of ["root", "leaf"] as const) {
    expect(refused({ [part]: { ...state[part], keyPem: "no key" } })).toBe(`${part} cannot be read`)
    expect(refused({ [part]: { ...state[part], keyPem: other[part].keyPem } })).toBe(`${part} cannot be read`)
    expect(refused({ [part]: { ...state[part], certificatePem: "none" } })).toBe(`${part} cannot be read`)
  }
  expect(refused({ otherRoot: { ...state.root, keyPem: other.root.keyPem, role: "old" } })).toBe(
    "otherRoot cannot be read",
  )
  expect(refused({ leaf: other.leaf })).toBe("the leaf is not by the root")
  expect(refused({ session: { ...state.session, pem: "no key" } })).toBe("session cannot be read")
  expect(refused({ session: other.session })).toBe("the document does not list the session key")
  expect(refused({ identityPem: other.identityPem })).toBe("the document is of another identity key")
  expect(refused({ signedDocument: "x" })).toBe("the signed document cannot be read")
  const without = (file: string) => {
    const { [file]: _, ...files } = filesOfState(state)
    return Either.getOrThrow(Either.flip(stateFrom(files))).detail
  }
  expect([without("identity.key"), without("state.json")]).toEqual(["identity.key is missing", "state.json is missing"])
})
