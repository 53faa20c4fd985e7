import type { Adapter, AdapterFactory, AdapterPayload } from "oidc-provider"

/** Keeps what oidc-provider stores in memory, apart from the provider object: it survives a rotation of keys and is not seen by other providers. */
export const memoryStore = (): AdapterFactory => {
  const entries = new Map<string, { payload: AdapterPayload; untilMillis: number }>()
  return (model: string): Adapter => {
    const keyOf = (id: string) => `${model}:${id}`
    const alive = (key: string): AdapterPayload | undefined => {
      const entry = entries.get(key)
      if (entry === undefined || entry.untilMillis > Date.now()) return entry?.payload
      entries.delete(key)
      return undefined
    }
    const findBy = (field: "uid" | "userCode", value: string): AdapterPayload | undefined => {
      for (const key of entries.keys()) {
        const payload = key.startsWith(`${model}:`) ? alive(key) : undefined
        if (payload?.[field] === value) return payload
      }
      return undefined
    }
    return {
      upsert: async (id, payload, expiresIn) => {
        const untilMillis = expiresIn === undefined ? Number.POSITIVE_INFINITY : Date.now() + expiresIn * 1000
        entries.set(keyOf(id), { payload, untilMillis })
      },
      find: async (id) => alive(keyOf(id)),
      findByUid: async (uid) => findBy("uid", uid),
      findByUserCode: async (userCode) => findBy("userCode", userCode),
      destroy: async (id) => {
        entries.delete(keyOf(id))
      },
      consume: async (id) => {
        const payload = alive(keyOf(id))
        if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000)
      },
      revokeByGrantId: async (grantId) => {
        for (const [key, { payload }] of entries) if (payload.grantId === grantId) entries.delete(key)
      },
    }
  }
}
