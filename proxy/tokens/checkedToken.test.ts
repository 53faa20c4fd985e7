import { expect, test } from "bun:test"
import { jwt } from "../testing/FarEnd.ts"
import { checkedToken } from "./checkedToken.ts"

const relay = "https://relay.example"

test("a brought token that nobody replaces goes out until it has expired, and then no more", async () => {
  let now = 1_800_000_000_000
  let text = jwt({ aud: "cluster", exp: now / 1_000 + 60 })
  const tokens = {
    cluster: "edge-1",
    token: { current: async () => text, described: "test" },
    audience: undefined,
    relayAudience: "relay",
    singleAudience: false,
    gate: undefined as never,
  }
  const known = { audiences: async () => new Map(), entry: String }
  const document = { audiences: { "https://idp.example": "cluster" } } as never
  const nothingNew = await known.audiences()
  const token = checkedToken(
    tokens,
    relay,
    { ...known, audiences: async () => nothingNew },
    () => document,
    () => now,
  )
  for (const later of [0, 60_000, 29_999]) {
    now += later
    expect(await token()).toBe(text)
  }
  now += 1
  await expect(token()).rejects.toMatchObject({ _tag: "NotAuthenticated", cause: "TokenExpired" })
  await expect(token()).rejects.toThrow("the cluster token expired")
  text = jwt({ aud: "cluster", exp: now / 1_000 + 60 })
  expect(await token()).toBe(text)
})
