/** What differs from one recording to the next, and what stands in its place. */
export interface Surroundings {
  readonly relayUrl: string
  readonly issuer: string
  readonly home: string
  readonly pin: string
}

/** The code of RFC 8628's own example. */
const userCode = "WDJB-MJHT"
const pin = `sha256:${"5f1c9a7e".repeat(8)}`

/** Names, ports, paths, times and codes as they are in every recording. Nothing else is changed. */
export const normal = (text: string, { relayUrl, issuer, home, pin: own }: Surroundings): string => {
  const relay = new URL(relayUrl)
  const literal: readonly (readonly [string, string])[] = [
    [relayUrl, "https://relay.example.com"],
    [issuer, "https://id.example.com"],
    [relay.host, "relay.example.com"],
    // A profile's name.
    [relay.host.replace(":", "-"), "relay.example.com"],
    [new URL(issuer).host, "id.example.com"],
    [relay.hostname, "relay.example.com"],
    [own, pin],
    [home, "/home/alice"],
  ]
  const patterns: readonly (readonly [RegExp, string])[] = [
    [/\b[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}\b/g, userCode],
    [/^Port \d+ is taken, so a free one is used\.\n/gm, ""],
    [/(port |127\.0\.0\.1:|edge-1-)\d{4,5}\b/g, "$147011"],
    // What names a token in the API server's audit log.
    [/\[[\w-]{43}\]/g, `[${"hVb2".repeat(10)}hVb]`],
    [/\bpid \d+/g, "pid 4711"],
    // A log's name has a hash of the relay.
    [/(\/logs\/edge-1-)[0-9a-f]{8}\b/g, "$11f2a9c04"],
    // Port and PID of a proxy, before the time since when it runs.
    [/\b\d{5}( +\d+ +\d{4}-\d\d-\d\dT)/g, "47011$1"],
    [/\b\d+( +)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "4711$12026-11-26T12:00:00Z"],
    // kubectl's AGE is the last column.
    [/(?<= )(\d+[smh])+$/gm, "9s"],
    [/\b\d+(\.\d+)? ms\b/g, "3 ms"],
    [/\b\d+ s left\b/g, "590 s left"],
    [/\bserial \d+/g, "serial 1767225600"],
    [/(BusyBox v)\S+ \(.*?\)/g, "$11.36.1"],
  ]
  const replaced = literal.reduce((all, [from, to]) => all.replaceAll(from, to), text)
  return aligned(patterns.reduce((all, [from, to]) => all.replace(from, to), replaced))
}

const cells = (line: string) => line.split(/ {2,}/)
/** NAME   READY   …: at least two words of capitals, as every table here begins. */
const isHeader = (line: string) => /^[A-Z]+( {2,}[A-Z]+)+$/.test(line)

/** Tables with their columns below one another again, whatever was replaced in them. */
const aligned = (text: string): string => {
  const lines = text.split("\n")
  for (let first = 0; first < lines.length; first += 1) {
    const header = lines[first] ?? ""
    if (!isHeader(header)) continue
    const columns = cells(header).length
    const end = lines.findIndex((line, at) => at > first && cells(line).length !== columns)
    const rows = lines.slice(first, end).map(cells)
    const widths = cells(header).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
    const padded = rows.map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("   ")
        .trimEnd(),
    )
    lines.splice(first, rows.length, ...padded)
  }
  return lines.join("\n")
}
