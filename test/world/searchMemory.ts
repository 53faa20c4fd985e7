import { closeSync, openSync, readFileSync, readSync } from "node:fs"

const pageBytes = 4096
/** Pages looked up and read at a time. */
const blockPages = 2048
/** Bit 63 of a pagemap entry: the page is in memory (Documentation/admin-guide/mm/pagemap.rst). The highest byte is enough. */
const presentBit = 0x80

/**
 * Which of the texts lie anywhere in the writable memory of a running process, and how many bytes were looked at.
 * Pages that were never touched are passed over, or the allocator's reserved address space would take hours.
 */
export const searchMemory = (
  pid: number,
  texts: readonly string[],
): { readonly bytes: number; readonly found: readonly string[] } => {
  const memory = openSync(`/proc/${pid}/mem`, "r")
  const pagemap = openSync(`/proc/${pid}/pagemap`, "r")
  const needles = texts.flatMap((text) => [
    { text, bytes: Buffer.from(text, "utf8") },
    { text, bytes: Buffer.from(text, "utf16le") },
  ])
  const found = new Set<string>()
  let bytes = 0
  const look = (block: Buffer) => {
    bytes += block.length
    for (const needle of needles) if (block.includes(needle.bytes)) found.add(needle.text)
  }
  try {
    for (const [first, last] of writableRegions(pid)) {
      const entries = Buffer.alloc(blockPages * 8)
      for (let page = first; page < last; page += blockPages) {
        const count = Math.min(blockPages, last - page)
        readSync(pagemap, entries, 0, count * 8, page * 8)
        for (let index = 0; index < count; index += 1) {
          let run = 0
          while (index + run < count && (entries[(index + run) * 8 + 7]! & presentBit) !== 0) run += 1
          if (run === 0) continue
          // One page more at the front, so that a text across two runs of one region is not missed.
          const from = Math.max(first, page + index - 1)
          const block = Buffer.alloc((page + index + run - from) * pageBytes)
          try {
            look(block.subarray(0, readSync(memory, block, 0, block.length, from * pageBytes)))
          } catch {
            // The process gave the region back between two looks.
          }
          index += run
        }
      }
    }
  } finally {
    closeSync(memory)
    closeSync(pagemap)
  }
  return { bytes, found: texts.filter((text) => found.has(text)) }
}

/** First and past-the-end page of every private writable mapping that has memory behind it. */
const writableRegions = (pid: number): readonly (readonly [number, number])[] => {
  const regions: [number, number][] = []
  let region: [number, number] | undefined
  for (const line of readFileSync(`/proc/${pid}/smaps`, "utf8").split("\n")) {
    const header = line.match(/^([0-9a-f]+)-([0-9a-f]+) (rw..)/)
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line))
      region =
        header === null ? undefined : [parseInt(header[1]!, 16) / pageBytes, parseInt(header[2]!, 16) / pageBytes]
    else if (region !== undefined && /^Rss:\s+[1-9]/.test(line)) regions.push(region)
  }
  return regions
}
