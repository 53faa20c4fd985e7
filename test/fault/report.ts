import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { timeline } from "../plots/chart.ts"
import { machine } from "../plots/machine.ts"
import { table } from "../plots/table.ts"
import type { FaultRun } from "./FaultRun.ts"
import type { Found } from "./runFaults.ts"
import type { SessionReport } from "./sessions/Session.ts"

export interface Asked {
  readonly quick: boolean
  readonly seed: number
  readonly out: string
}

/** Prints what was found; writes it with its plots, and the logs that say what happened to each stream. Returns how many sessions were lost. */
export const report = ({ loadAtStart, megabytes, runs, control, logs }: Found, { quick, seed, out }: Asked): number => {
  mkdirSync(out, { recursive: true })
  const measured = {
    what: "sessions through faults",
    seed,
    quick,
    megabytes,
    machine: machine(loadAtStart),
    runs,
    control,
  }
  writeFileSync(join(out, "faults.json"), `${JSON.stringify(measured, undefined, 1)}\n`)
  for (const [index, run] of runs.entries()) {
    plot(run, join(out, `faults-${index + 1}.svg`))
    console.log(sessionsOf([...run.sessions, ...(index === 0 ? control.sessions : [])]))
    console.log(faultsOf(run))
  }
  const all = runs.flatMap(({ sessions }) => sessions)
  const lost = all.filter((session) => session.lost !== undefined).length
  console.log(`${all.length} sessions, ${lost} lost; seed ${seed}; results in ${out}`)
  for (const [name, log] of Object.entries(logs)) writeFileSync(join(out, `${name}.log`), log.join("\n"))
  return lost
}

const plot = ({ faults, heard }: FaultRun, file: string): void => {
  const spans = faults.map(({ fault, at, lastedSeconds }) => ({ name: fault, from: at, to: at + lastedSeconds }))
  writeFileSync(file, timeline("What each session brought while parts were broken", heard, spans))
}

const sessionsOf = (sessions: readonly SessionReport[]): string =>
  table([
    ["session", "carried", "lost", "copies cut short in the cluster"],
    ...sessions.map(({ name, carried, lost, copies }) => [
      name,
      carried,
      lost ?? "no",
      `${copies?.cutInCluster ?? ""}`,
    ]),
  ])

const faultsOf = ({ faults }: FaultRun): string => {
  const names = Object.keys(faults[0]?.pauses ?? {})
  return table([
    ["fault", "lasted s", ...names.map((name) => `${name} pause s`)],
    ...faults.map(({ fault, lastedSeconds, pauses }) => [
      fault,
      lastedSeconds.toFixed(1),
      ...names.map((name) => (pauses[name] ?? 0).toFixed(1)),
    ]),
  ])
}
