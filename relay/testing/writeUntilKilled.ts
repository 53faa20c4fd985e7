import { newKey, spkiOf } from "../../protocol/keys.ts"
import { openStore } from "../store/Store.ts"

/** Registers one cluster after the other by tokens and names each on stdout when it is done; for the test that kills it. */
const store = openStore(process.argv[2] ?? "")
for (let index = 0; ; index++) {
  const name = `edge-${index}`
  const now = new Date()
  store.tokens.add(name, { cluster: name, replaces: false, expiresAt: new Date(now.getTime() + 60_000) }, now)
  const identityKey = spkiOf(newKey())
  store.write(() => {
    store.tokens.spend(name, name, identityKey, now)
    store.clusters.put({ name, identityKey, document: undefined, serial: 0, registeredAt: now })
  })
  process.stdout.write(`${name}\n`)
}
