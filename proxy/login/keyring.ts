import { secrets } from "bun"

/** What the operating system keeps for this user: Keychain, Secret Service (libsecret) or Credential Manager. */
export interface Keyring {
  readonly get: (name: string) => Promise<string | undefined>
  readonly set: (name: string, value: string) => Promise<void>
}

const service = "dev.clusterconnect"
/** A locked keyring may show a dialogue that nobody sees. */
const answerMillis = 20_000

/** Rejects when the keyring is not there, refuses, or does not answer. The secret never is in an argument list. */
export const systemKeyring: Keyring = {
  get: async (name) => (await within(secrets.get({ service, name }))) ?? undefined,
  set: (name, value) => within(secrets.set({ service, name, value })),
}

const within = async <A>(asked: Promise<A>): Promise<A> => {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${answerMillis / 1000} s`)), answerMillis)
  return await Promise.race([asked, late.promise]).finally(() => clearTimeout(timer))
}
