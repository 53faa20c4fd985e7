import { expect, test } from "bun:test"
import type { MemoryUse } from "../../../platform/memory/memoryUse.ts"
import { MemoryRelief } from "./MemoryRelief.ts"

const mib = 2 ** 20
const limitBytes = 1_000 * mib

/** Memory as the test says, and answers by the names of their callers. */
const scene = () => {
  let use: MemoryUse | undefined
  const cut: string[] = []
  let shortages = 0
  let collections = 0
  const relief = new MemoryRelief({
    memoryUse: () => use,
    collect: () => {
      collections += 1
    },
    onShort: () => {
      shortages += 1
    },
  })
  return {
    relief,
    cut,
    shortages: () => shortages,
    collections: () => collections,
    used: (megabytes: number | undefined) => {
      use = megabytes === undefined ? undefined : { usedBytes: megabytes * mib, limitBytes }
    },
    answers: (caller: string, count: number, waiting = 512 * 1024) => {
      for (let index = 1; index <= count; index += 1) {
        const remove = relief.add({
          caller,
          waiting: () => waiting,
          cut: () => {
            remove()
            cut.push(`${caller} ${index}`)
          },
        })
      }
    },
    looks: (times: number) => {
      for (let time = 0; time < times; time += 1) relief.look()
    },
  }
}

test("nothing is ended while two fifths of the limit are free", () => {
  const { used, answers, looks, cut, relief } = scene()
  answers("alice", 200)
  used(600)
  looks(20)
  expect(cut).toEqual([])
  expect(relief.isFull).toBe(false)
})

test("when memory is short, whoever has most that wait loses the newest, as many as it takes", () => {
  const { used, answers, looks, cut } = scene()
  answers("bob", 20)
  answers("alice", 30)
  used(624)
  looks(2)
  expect(cut).toEqual(["alice 28", "alice 29", "alice 30"])
})

test("the next ones are ended only when the last ending has had its effect", () => {
  const { used, answers, looks, cut, collections } = scene()
  answers("alice", 30)
  used(608)
  looks(11)
  expect(cut).toEqual(["alice 30"])
  expect(collections()).toBe(2)
  looks(2)
  expect(cut).toEqual(["alice 30", "alice 29"])
})

test("with less than a quarter free, they are ended at every look", () => {
  const { used, answers, looks, cut } = scene()
  answers("alice", 100)
  used(760)
  looks(3)
  expect(cut).toHaveLength(2 * Math.ceil(160 / 8))
})

test("what was only garbage ends nothing", () => {
  const { used, answers, looks, cut, collections } = scene()
  answers("alice", 30)
  used(650)
  looks(1)
  expect(collections()).toBe(1)
  used(500)
  looks(1)
  expect(cut).toEqual([])
})

test("nobody loses the last four, nor what does not wait", () => {
  const { used, answers, looks, cut } = scene()
  answers("alice", 4)
  answers("bob", 100, 1_000)
  used(999)
  looks(20)
  expect(cut).toEqual([])
})

test("an answer that has ended is not ended again", () => {
  const { used, relief, looks, cut, answers } = scene()
  const remove = relief.add({ caller: "alice", waiting: () => mib, cut: () => cut.push("ended before") })
  answers("alice", 4)
  remove()
  used(700)
  looks(2)
  expect(cut).toEqual([])
})

test("a shortage is told once, and another one when a minute has gone", () => {
  const { used, looks, shortages } = scene()
  used(650)
  looks(3)
  expect(shortages()).toBe(1)
  used(500)
  looks(1)
  used(650)
  looks(1)
  expect(shortages()).toBe(1)
  used(500)
  looks(600)
  used(650)
  looks(1)
  expect(shortages()).toBe(2)
})

test("with less than a quarter of the limit free, nothing more is admitted, until there is more", () => {
  const { used, looks, relief } = scene()
  used(751)
  looks(1)
  // The first look only gives back garbage.
  expect(relief.isFull).toBe(false)
  looks(1)
  expect(relief.isFull).toBe(true)
  used(740)
  looks(1)
  expect(relief.isFull).toBe(false)
})

test("a second shortage is treated as the first one was", () => {
  const { used, answers, looks, cut } = scene()
  answers("alice", 30)
  for (const ended of [1, 2]) {
    used(608)
    looks(12)
    expect(cut).toHaveLength(ended)
    used(500)
    looks(1)
  }
})

test("where nothing can be ended, the collections become rare, and what can be ended later is ended soon", () => {
  const { used, looks, collections, answers, cut } = scene()
  used(700)
  looks(600)
  expect(collections()).toBeLessThan(15)
  expect(collections()).toBeGreaterThan(5)
  answers("alice", 30)
  looks(11)
  expect(cut).toHaveLength(Math.ceil(100 / 8))
})

test("garbage does not make it full, however long ago the last collection was", () => {
  const { used, looks, relief, collections } = scene()
  used(620)
  looks(300)
  const before = collections()
  used(760)
  looks(1)
  for (let look = 0; look < 10 && collections() === before; look += 1) looks(1)
  expect(relief.isFull).toBe(false)
  expect(collections()).toBe(before + 1)
  used(620)
  looks(1)
  expect(relief.isFull).toBe(false)
})

test("around the limit it does not collect more often than once a second", () => {
  const { used, looks, collections } = scene()
  for (let second = 0; second < 10; second += 1)
    for (const megabytes of [610, 590, 610, 590, 610, 590, 610, 590, 610, 590]) {
      used(megabytes)
      looks(1)
    }
  expect(collections()).toBeLessThanOrEqual(10)
})

test("memory that stays full for 5 s is known as such, until there is some again", () => {
  const { used, looks, relief } = scene()
  used(800)
  looks(50)
  expect(relief.staysFull).toBe(false)
  looks(1)
  expect(relief.staysFull).toBe(true)
  used(650)
  looks(1)
  expect(relief.staysFull).toBe(false)
})

test("a limit that is gone, or cannot be read, refuses nothing", () => {
  const { used, looks, relief } = scene()
  used(800)
  looks(2)
  expect(relief.isFull).toBe(true)
  used(undefined)
  looks(1)
  expect(relief.isFull).toBe(false)
})

test("without a limit nothing is ended and everything is admitted", () => {
  const { used, answers, looks, cut, relief } = scene()
  answers("alice", 200)
  used(undefined)
  looks(20)
  expect(cut).toEqual([])
  expect(relief.isFull).toBe(false)
})
