import { table } from "../plots/table.ts"
import { type Held, judged, rounds } from "./lookAtRounds.ts"

/** What was held after the first, the fifth and the tenth round, and how much it grew beside its bar. */
export const resultTable = (results: readonly Held[]): string =>
  table([
    ["", "after round 1", "after 5", "after 10", `growth over the last ${judged}`, "bar", ""],
    ...results.map(({ what, values, grown, most, grows }) => [
      what,
      ...[0, rounds - judged - 1, rounds - 1].map((index) => shown(what, values[index]!)),
      shown(what, grown),
      shown(what, most),
      grows ? "GROWS" : "",
    ]),
  ])

const shown = (what: string, value: number) =>
  /resident|heap bytes/.test(what) ? `${(value / 2 ** 20).toFixed(1)} MiB` : value.toFixed(value % 1 === 0 ? 0 : 1)
