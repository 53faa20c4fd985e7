/** Plots as SVG text: enough for measurements in docs/, readable in a browser and in a diff. */

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
const colours = ["#0b6e99", "#d1495b", "#6a994e", "#8d6a9f", "#e09f3e", "#555555", "#00a6a6", "#9c6644"]
const width = 900
const left = 150
const right = 30

const page = (title: string, height: number, body: readonly string[]): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    `<text x="${width / 2}" y="20" text-anchor="middle" font-size="15">${escaped(title)}</text>`,
    ...body,
    "</svg>\n",
  ].join("\n")

export interface Span {
  readonly name: string
  readonly from: number
  readonly to: number
}

/** A row of marks per name over seconds, with shaded spans behind: what was heard, and when something was broken. */
export const timeline = (
  title: string,
  rows: Readonly<Record<string, readonly number[]>>,
  spans: readonly Span[],
): string => {
  const names = Object.keys(rows)
  const end = Math.max(1, ...Object.values(rows).flat(), ...spans.map(({ to }) => to))
  const x = (second: number) => (left + (second / end) * (width - left - right)).toFixed(1)
  const bottom = 110 + names.length * 22
  return page(title, bottom + 40, [
    ...spans.flatMap(({ name, from, to }) => [
      `<rect x="${x(from)}" y="95" width="${Math.max(1.5, Number(x(to)) - Number(x(from))).toFixed(1)}" height="${bottom - 95}" fill="#d1495b" opacity="0.25"/>`,
      `<text transform="translate(${x(from)},92) rotate(-35)" font-size="10">${escaped(name)}</text>`,
    ]),
    ...names.flatMap((name, row) => {
      const y = 110 + row * 22
      return [
        `<text x="${left - 8}" y="${y + 4}" text-anchor="end">${escaped(name)}</text>`,
        `<path d="${(rows[name] ?? []).map((second) => `M${x(second)} ${y - 6}v12`).join("")}" stroke="${colours[row % colours.length]}"/>`,
      ]
    }),
    `<text x="${left}" y="${bottom + 20}">0 s</text><text x="${width - right}" y="${bottom + 20}" text-anchor="end">${Math.round(end)} s</text>`,
  ])
}

export interface Bar {
  readonly label: string
  /** Undefined draws nothing but the label: not measured. */
  readonly value: number | undefined
  readonly low?: number
  readonly high?: number
}

/** Horizontal bars with their range, on a logarithmic scale where `log` says so. */
export const bars = (title: string, unit: string, values: readonly Bar[], log = false): string => {
  const known = values.flatMap(({ value, high }) => (value === undefined ? [] : [high ?? value]))
  const most = Math.max(1e-9, ...known)
  const least = Math.min(
    most,
    ...values.flatMap(({ value, low }) => (value === undefined ? [] : [low ?? value])).filter((one) => one > 0),
  )
  const share = (value: number) =>
    log
      ? (Math.log10(Math.max(value, least / 2)) - Math.log10(least / 2)) / (Math.log10(most) - Math.log10(least / 2))
      : value / most
  const start = 260
  const x = (value: number) => start + share(value) * (width - start - 120)
  return page(title, 60 + values.length * 24, [
    ...values.flatMap(({ label, value, low, high }, row) => {
      const y = 40 + row * 24
      const text = `<text x="${start - 8}" y="${y + 13}" text-anchor="end">${escaped(label)}</text>`
      if (value === undefined) return [text]
      return [
        text,
        `<rect x="${start}" y="${y}" width="${Math.max(1, x(value) - start).toFixed(1)}" height="16" fill="${colours[row % colours.length]}" opacity="0.8"/>`,
        low === undefined || high === undefined
          ? ""
          : `<path d="M${x(low).toFixed(1)} ${y + 8}H${x(high).toFixed(1)}" stroke="black"/>`,
        `<text x="${(x(high ?? value) + 6).toFixed(1)}" y="${y + 13}">${value.toPrecision(3)} ${escaped(unit)}</text>`,
      ]
    }),
  ])
}
