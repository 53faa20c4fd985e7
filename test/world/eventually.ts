import { setTimeout as after } from "node:timers/promises"

/** Between two looks: short against every limit in the tests, long against the cost of a look. */
const lookMillis = 100

/**
 * Looks again until `probe` gives a value, for things outside this process that announce nothing.
 * Rejects with the last thing seen after `limitMillis`.
 */
export const eventually = async <A>(
  what: string,
  limitMillis: number,
  probe: () => Promise<{ readonly done: A } | { readonly seen: unknown }>,
): Promise<A> => {
  const deadline = performance.now() + limitMillis
  for (;;) {
    const look = await probe()
    if ("done" in look) return look.done
    if (performance.now() > deadline)
      throw new Error(`not within ${limitMillis} ms: ${what}; last seen: ${JSON.stringify(look.seen)}`)
    await after(lookMillis)
  }
}
