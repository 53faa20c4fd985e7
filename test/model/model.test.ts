import { expect, test } from "bun:test"
import { seeded, VirtualClock } from "./network/VirtualClock.ts"
import { run } from "./run.ts"

/** `bun run test:long model` runs thousands; a failing seed is repeated with `--seed N`. */
const seeds = 300

test("streams live through kills, drains, cuts, silent links, frozen programs and sleep, byte for byte, and leave nothing", async () => {
  let resumes = 0
  for (let seed = 1; seed <= seeds; seed += 1) {
    const verdict = await run(seed)
    resumes += verdict.resumes
    expect({ seed, violations: verdict.violations }).toEqual({ seed, violations: [] })
  }
  expect(resumes).toBeGreaterThan(seeds)
}, 300_000)

test("a seed says everything: the same life twice", async () => {
  expect(await run(7)).toEqual(await run(7))
})

test("the virtual clock runs events by time, and those of one time in their order", async () => {
  const clock = new VirtualClock()
  const seen: number[] = []
  const random = seeded(1)
  const delays = Array.from({ length: 500 }, () => Math.floor(random() * 50))
  for (const [index, delay] of delays.entries()) clock.after(delay, () => seen.push(index))
  while (await clock.step(1_000));
  expect(seen).toEqual([...delays.keys()].sort((a, b) => delays[a]! - delays[b]! || a - b))
})
