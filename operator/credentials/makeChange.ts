import { randomBytes } from "node:crypto"
import { newLeaf, newRoot } from "../../protocol/certificates.ts"
import { nextSerial, signDocument } from "../../protocol/document.ts"
import { keyFromPem, keyToPem, newKey, signatureOf, spkiOf } from "../../protocol/keys.ts"
import { type CredentialState, documentOf, type Rotatable } from "./CredentialState.ts"
import { type Change, type CredentialsWanted, contentOf } from "./nextMove.ts"
import { leafDays, rootDays } from "./validity.ts"

/** New keys and certificates for a cluster that has none, with a document that the relay has not seen. */
export const newState = async (wanted: CredentialsWanted, now: Date): Promise<CredentialState> => {
  const madeAt = now.toISOString()
  const root = await newRoot(wanted.clusterName, rootDays, now)
  const leaf = await newLeaf(root, wanted.clusterName, leafDays(wanted.servingCertificateDays), now)
  return signed(
    {
      version: 1,
      identityPem: keyToPem(newKey()),
      digestKey: randomBytes(32).toString("hex"),
      session: { pem: keyToPem(newKey()), madeAt },
      root: { ...root, madeAt },
      leaf: { ...leaf, madeAt },
      signedDocument: "",
      publishedSerial: 0,
      // What was asked of the cluster before it had any of this is fulfilled.
      handled: wanted.requests,
    },
    wanted,
    now,
  )
}

/**
 * The state after a change, with the document that it needs. Nothing is stored or published.
 * `relaySerial`: of a document that the relay has; one that is signed anew is above it.
 */
export const makeChange = async (
  state: CredentialState,
  change: Change,
  wanted: CredentialsWanted,
  now: Date,
  relaySerial = 0,
): Promise<CredentialState> => {
  const madeAt = now.toISOString()
  const leafBy = async (root: CredentialState["root"]) => ({
    ...(await newLeaf(root, wanted.clusterName, leafDays(wanted.servingCertificateDays), now)),
    madeAt,
  })
  switch (change) {
    case "sign-document":
      return signed(state, wanted, now, relaySerial)
    case "renew-leaf":
      return { ...obeyed(state, wanted, "serving-certificate"), leaf: await leafBy(state.root) }
    case "add-session-key":
      return signed(
        {
          ...obeyed(state, wanted, "session-key"),
          otherSession: { pem: keyToPem(newKey()), madeAt, role: "next" },
        },
        wanted,
        now,
      )
    case "use-next-session-key": {
      const { pem, madeAt: when } = present(state.otherSession)
      return { ...state, session: { pem, madeAt: when }, otherSession: { ...state.session, role: "old" } }
    }
    case "drop-old-session-key": {
      const { otherSession: _, ...rest } = state
      return signed(rest, wanted, now)
    }
    case "add-root":
      return signed(
        {
          ...obeyed(state, wanted, "roots"),
          otherRoot: { ...(await newRoot(wanted.clusterName, rootDays, now)), madeAt, role: "next" },
        },
        wanted,
        now,
      )
    case "use-next-root": {
      const { role: _, ...root } = present(state.otherRoot)
      // A new root brings a new leaf: that was asked for too, if it was.
      return {
        ...obeyed(state, wanted, "serving-certificate"),
        root,
        otherRoot: { ...state.root, role: "old" },
        leaf: await leafBy(root),
      }
    }
    case "drop-old-root": {
      const { otherRoot: _, ...rest } = state
      return signed(rest, wanted, now)
    }
    case "replace-identity": {
      const [old, next] = [keyFromPem(state.identityPem), newKey()]
      const succession = signatureOf(
        old,
        "clusterconnect.dev/v1/identity-succession",
        Buffer.from(spkiOf(next), "base64url"),
      )
      return signed(
        {
          ...obeyed(state, wanted, "identity"),
          identityPem: keyToPem(next),
          previousIdentity: { key: spkiOf(old), signature: succession },
        },
        wanted,
        now,
      )
    }
  }
}

const present = <A>(value: A | undefined): A => {
  if (value === undefined) throw new Error("this change does not follow from the state")
  return value
}

const obeyed = (state: CredentialState, { requests }: CredentialsWanted, what: Rotatable): CredentialState => ({
  ...state,
  handled: { ...state.handled, ...(requests[what] === undefined ? {} : { [what]: requests[what] }) },
})

/** With a newly signed document; its serial is above every earlier one's, whatever the clock says. */
const signed = (state: CredentialState, wanted: CredentialsWanted, now: Date, relaySerial = 0): CredentialState => {
  const document = {
    ...contentOf(state, wanted),
    serial: nextSerial(now.getTime(), Math.max(documentOf(state)?.serial ?? 0, relaySerial)),
  }
  return { ...state, signedDocument: signDocument(document, keyFromPem(state.identityPem)) }
}
