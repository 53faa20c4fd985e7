import { expect, test } from "bun:test"
import { NotAuthenticated, PathBroken } from "../failures.ts"
import { jwt } from "../testing/FarEnd.ts"
import { renewedToken, restAfterFailureMillis } from "./renewedToken.ts"

const start = 1_800_000_000_000
/** Tokens of 60 s on a clock of the test's own. */
const bench = () => {
  let now = start
  let minted = 0
  let asked = 0
  let failing: Error | undefined
  const source = renewedToken({
    mint: async () => {
      asked += 1
      if (failing !== undefined) throw failing
      minted += 1
      return jwt({ jti: String(minted), exp: now / 1_000 + 60 })
    },
    hop: "relay",
    described: "test",
    nowMillis: () => now,
  })
  return {
    source,
    minted: () => minted,
    asked: () => asked,
    at: (seconds: number) => {
      now = start + seconds * 1_000
    },
    fail: (error: Error | undefined) => {
      failing = error
    },
  }
}
const down = new PathBroken({ hop: "identity-provider", cause: "x", detail: "the identity provider is down" })

test("one token serves all who ask at the same time, and is kept while most of its life is left", async () => {
  const { source, minted, at } = bench()
  const tokens = await Promise.all([source.current(), source.current(), source.current()])
  expect(new Set(tokens).size).toBe(1)
  at(39)
  expect(await source.current()).toBe(tokens[0] as string)
  expect(minted()).toBe(1)
})
test("in the last third a new one is fetched, and nobody waits for it", async () => {
  const { source, minted, at } = bench()
  const first = await source.current()
  at(41)
  expect(await source.current()).toBe(first)
  expect(minted()).toBe(2)
  expect(await source.current()).not.toBe(first)
})
test("while the issuer is down the token is used to its end; then the reason is given, and the issuer is not asked by everybody", async () => {
  const { source, at, fail } = bench()
  const first = await source.current()
  fail(down)
  at(59)
  expect(await source.current()).toBe(first)
  // The renewal in the background has failed.
  await new Promise(setImmediate)
  at(60 + restAfterFailureMillis / 1_000)
  await expect(source.current()).rejects.toThrow("the identity provider is down")
  fail(undefined)
  await expect(source.current()).rejects.toThrow("the identity provider is down")
  at(60 + 3 * (restAfterFailureMillis / 1_000))
  expect(await source.current()).not.toBe(first)
})
test("a source that goes on failing is asked after 2 s, then half as often each time, at least every 30 s", async () => {
  const { source, asked, at, fail } = bench()
  await source.current()
  fail(down)
  const askedAt: number[] = []
  for (let second = 60; second <= 180; second += 1) {
    at(second)
    const before = asked()
    await source.current().catch(() => {})
    if (asked() > before) askedAt.push(second - 60)
  }
  expect(askedAt).toEqual([0, 2, 6, 14, 30, 60, 90, 120])
})
test("a session of any length never shows an expired token: 5 minutes with tokens of 60 s", async () => {
  const { source, minted, at } = bench()
  for (let second = 0; second <= 300; second += 1) {
    at(second)
    const claims = JSON.parse(Buffer.from((await source.current()).split(".")[1] ?? "", "base64url").toString())
    expect(claims.exp * 1_000).toBeGreaterThan(start + second * 1_000)
  }
  expect(minted()).toBeGreaterThan(5)
})
test("a token that is expired when it comes names the clock", async () => {
  const source = renewedToken({
    mint: async () => jwt({ exp: start / 1_000 - 1 }),
    hop: "relay",
    described: "test",
    nowMillis: () => start,
  })
  const failure = await source.current().catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(NotAuthenticated)
  expect(String((failure as Error).message)).toContain("check this machine's clock")
})
