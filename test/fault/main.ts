import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { directSide } from "../e2e/sides.ts"
import { timeline } from "../plots/chart.ts"
import { loadNow, machine } from "../plots/machine.ts"
import { table } from "../plots/table.ts"
import { type FaultRun, type Struck, strikeAll } from "./FaultRun.ts"
import { group } from "./faultObjects.ts"
import {
  addressChanged,
  agentDrained,
  agentKilled,
  agentLinkDropped,
  copiesStopped,
  type Fault,
  proxyStopped,
  relayDrained,
  relayKilled,
} from "./faults.ts"
import { type CpSession, cpSession, forwardSession } from "./sessions/copySessions.ts"
import { isCutTooOften } from "./sessions/isCutTooOften.ts"
import { attachSession, execSession, logsSession, watchSession } from "./sessions/lineSession.ts"
import type { Protocol } from "./sessions/Session.ts"
import { shortStreams, takeOne } from "./sessions/shortStreams.ts"
import { startStage } from "./startStage.ts"

/**
 * `bun run test:long faults [--quick] [--seed N] [--out FOLDER]`: real kubectl sessions of every kind over both
 * protocols while the parts of the path are killed, drained, cut off and stopped. Exits with 1 when a session was lost or a byte was wrong. Copies that
 * the cluster itself ended short are counted apart, beside a control: copies without us, which stand still for as long as ours heard nothing. With
 * many more of them than in the control it exits with 1 as well.
 */
const option = (name: string): string | undefined => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? undefined : process.argv[at + 1]
}
const quick = process.argv.includes("--quick")
const seed = Number(option("seed") ?? Date.now() % 1_000_000)
const out = option("out") ?? "dist/measurements"
const megabytes = quick ? 50 : 500
const times = quick ? 1 : 5
const say = (line: string) => console.error(`faults: ${line}`)

const everybody: readonly Fault[] = [
  ...Array.from({ length: times }, () => relayKilled),
  ...Array.from({ length: times }, () => agentKilled),
  relayDrained,
  agentDrained,
  agentLinkDropped(quick ? 8 : 20),
  addressChanged,
  proxyStopped(quick ? 10 : 40),
]
/** Seconds for which the downloads are stretched: as long as the faults need. */
const downloadSeconds = quick ? 45 : 260

const stack = new AsyncDisposableStack()
const interrupted = () => void stack.disposeAsync().then(() => process.exit(130))
process.once("SIGINT", interrupted).once("SIGTERM", interrupted)
let lost = 0
let cutTooOften = false
const loadAtStart = loadNow()
try {
  say(`seed ${seed}; again: bun run test:long faults${quick ? " --quick" : ""} --seed ${seed}`)
  const stage = await startStage(stack, { seed, megabytes, onProgress: say })
  const { kubectl } = stage.user
  const { beginnings, sha256 } = stage
  const copy = { side: kubectl, beginnings, sha256, megabytes }
  const taken = { cutInCluster: 0, shortAtAuthProxy: 0 }
  const takeShort = (protocol: Protocol) => () =>
    takeOne(shortStreams(stage.world.authProxy.log, stage.user.proxy.log, megabytes * 1e6), taken, protocol)
  const first = await strikeAll(
    stage,
    [
      ...(["websocket", "spdy"] as const).flatMap((protocol) => [
        execSession(kubectl, protocol),
        attachSession(kubectl, protocol),
        forwardSession({ ...copy, within: stage.network.within, protocol, seconds: downloadSeconds }),
        cpSession({ ...copy, protocol, takeShort: takeShort(protocol) }),
      ]),
      logsSession(kubectl),
      watchSession(kubectl),
    ],
    everybody,
    say,
  )
  say("without WebSocket sessions, which no tunnel can carry over 61 s")
  const long = await strikeAll(
    stage,
    [execSession(kubectl, "spdy"), attachSession(kubectl, "spdy"), logsSession(kubectl), watchSession(kubectl)],
    [proxyStopped(quick ? 15 : 120)],
    say,
  )
  say("the control: copies without us")
  const side = directSide(stage.world.cluster, { username: "oidc:sam", groups: [`oidc:${group}`] })
  const direct = (["websocket", "spdy"] as const).map((protocol) =>
    cpSession({ ...copy, side, protocol, name: `direct cp ${protocol}`, takeShort: () => "cluster" }),
  )
  const control = await strikeAll(stage, direct, first.faults.map(standstill(direct)), say)
  lost = [...first.sessions, ...long.sessions].filter((session) => session.lost !== undefined).length
  cutTooOften = isCutTooOften(copiesOf(first), copiesOf(control))
  report([first, long], control)
  // What happened to each stream, for whoever asks why a session was lost.
  writeFileSync(join(out, "proxy.log"), stage.user.proxy.log.join("\n"))
  writeFileSync(join(out, "auth-proxy.log"), stage.world.authProxy.log.join("\n"))
} finally {
  await stack.disposeAsync()
}
if (cutTooOften) say("more copies were cut short than the cluster cuts by itself: see docs/decisions/0089")
process.exit(lost > 0 || cutTooOften ? 1 : 0)

/** Those over WebSocket: over SPDY none is excused. */
function copiesOf(run: FaultRun) {
  const session = run.sessions.find(({ name }) => name.endsWith("cp websocket"))
  return session?.copies ?? { all: 0, cutInCluster: 0 }
}

/** As long as our copies heard nothing. */
function standstill(copies: readonly CpSession[]) {
  return ({ fault, pauses }: Struck): Fault =>
    copiesStopped(copies, fault, Math.max(...(["websocket", "spdy"] as const).map((one) => pauses[`cp ${one}`] ?? 0)))
}

function report(runs: readonly FaultRun[], control: FaultRun): void {
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
    const spans = run.faults.map(({ fault, at, lastedSeconds }) => ({ name: fault, from: at, to: at + lastedSeconds }))
    writeFileSync(
      join(out, `faults-${index + 1}.svg`),
      timeline("What each session brought while parts were broken", run.heard, spans),
    )
    console.log(
      table([
        ["session", "carried", "lost", "copies cut short in the cluster"],
        ...[...run.sessions, ...(index === 0 ? control.sessions : [])].map((one) => [
          one.name,
          one.carried,
          one.lost ?? "no",
          `${one.copies?.cutInCluster ?? ""}`,
        ]),
      ]),
    )
    const names = Object.keys(run.faults[0]?.pauses ?? {})
    console.log(
      table([
        ["fault", "lasted s", ...names.map((name) => `${name} pause s`)],
        ...run.faults.map(({ fault, lastedSeconds, pauses }) => [
          fault,
          lastedSeconds.toFixed(1),
          ...names.map((name) => (pauses[name] ?? 0).toFixed(1)),
        ]),
      ]),
    )
  }
  const all = runs.flatMap(({ sessions }) => sessions)
  console.log(`${all.length} sessions, ${lost} lost; seed ${seed}; results in ${out}`)
}
