const spending = new Set<Promise<unknown>>()

/** How long the end of a program waits for the identity provider. */
const patienceMillis = 5_000

/** Marks a refresh token as being spent until what came for it is kept: the provider may have taken the old one back already. */
export const whileSpending = <A>(kept: Promise<A>): Promise<A> => {
  const over = () => void spending.delete(kept)
  spending.add(kept)
  kept.then(over, over)
  return kept
}

/** Calls back when no refresh token is being spent, at once if none is, after 5 s if one still is: a program that ends sooner ends the login. */
export const afterSpending = (body: () => void): void => {
  if (spending.size === 0) {
    body()
    return
  }
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, patienceMillis)
  void Promise.race([Promise.allSettled(spending), late.promise]).then(() => {
    clearTimeout(timer)
    body()
  })
}
