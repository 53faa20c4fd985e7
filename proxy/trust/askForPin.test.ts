import { expect, test } from "bun:test"
import { PassThrough } from "node:stream"
import { askForPin } from "./askForPin.ts"

const pin = `sha256:${"a".repeat(64)}` as const

const asked = async (...lines: string[]) => {
  const [input, output] = [new PassThrough(), new PassThrough()]
  let text = ""
  output.on("data", (chunk) => {
    text += chunk
    if (text.endsWith("? ") || text.endsWith("pin.\n")) {
      const next = lines.shift()
      if (next === undefined) input.end()
      else if (text.endsWith("? ")) input.write(`${next}\n`)
    }
  })
  return { confirmed: await askForPin({ input, output })({ relay: "https://r.example", cluster: "edge-1", pin }), text }
}

test("only the whole word yes, or the pin, confirms", async () => {
  expect((await asked("yes")).confirmed).toBe(true)
  expect((await asked(pin)).confirmed).toBe(true)
  for (const answer of ["no", "", `sha256:${"b".repeat(64)}`]) expect((await asked(answer)).confirmed).toBe(false)
})
test("the pin, cluster and relay are shown, and anything else is asked again", async () => {
  const { confirmed, text } = await asked("y", "YES", "yes")
  expect(confirmed).toBe(true)
  for (const shown of [pin, "edge-1", "https://r.example", ".status.identityPin"]) expect(text).toContain(shown)
})
test("the end of the input is a no", async () => {
  expect((await asked()).confirmed).toBe(false)
})
