import { directSide } from "../e2e/sides.ts"
import { loadNow } from "../plots/machine.ts"
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
import type { Copies } from "./sessions/isCutTooOften.ts"
import { attachSession, execSession, logsSession, watchSession } from "./sessions/lineSession.ts"
import type { Protocol } from "./sessions/Session.ts"
import { shortStreams, takeOne } from "./sessions/shortStreams.ts"
import { startStage } from "./startStage.ts"

export interface Found {
  readonly loadAtStart: string
  readonly megabytes: number
  /** With sessions of every kind, and with those that outlive a longer fault. */
  readonly runs: readonly FaultRun[]
  /** Copies without us, which stood still for as long as ours heard nothing. */
  readonly control: FaultRun
  /** Those over WebSocket: over SPDY none is excused. */
  readonly copies: { readonly ours: Copies; readonly control: Copies }
  readonly logs: Readonly<Record<"proxy" | "auth-proxy", readonly string[]>>
}

type CopiesOfBoth = Readonly<Record<Protocol, CpSession>>

/** Sessions of every kind over both protocols while the parts of the path are broken; then the control. */
export const runFaults = async (
  stack: AsyncDisposableStack,
  { quick, seed, say }: { readonly quick: boolean; readonly seed: number; readonly say: (line: string) => void },
): Promise<Found> => {
  const loadAtStart = loadNow()
  const megabytes = quick ? 50 : 500
  /** For which the downloads are stretched: as long as the faults need. */
  const downloadSeconds = quick ? 45 : 260
  say(`seed ${seed}; again: bun run test:long faults${quick ? " --quick" : ""} --seed ${seed}`)
  const stage = await startStage(stack, { seed, megabytes, onProgress: say })
  const { kubectl } = stage.user
  const { beginnings, sha256 } = stage
  const copy = { side: kubectl, beginnings, sha256, megabytes }
  const taken = { cutInCluster: 0, shortAtAuthProxy: 0 }
  const takeShort = (protocol: Protocol) => () =>
    takeOne(shortStreams(stage.world.authProxy.log, stage.user.proxy.log, megabytes * 1e6), taken, protocol)
  const ours = ofBoth((protocol) => cpSession({ ...copy, protocol, takeShort: takeShort(protocol) }))
  const first = await strikeAll(
    stage,
    [
      ...(["websocket", "spdy"] as const).flatMap((protocol) => [
        execSession(kubectl, protocol),
        attachSession(kubectl, protocol),
        forwardSession({ ...copy, within: stage.network.within, protocol, seconds: downloadSeconds }),
        ours[protocol],
      ]),
      logsSession(kubectl),
      watchSession(kubectl),
    ],
    everyFault(quick),
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
  const direct = ofBoth((protocol) =>
    cpSession({ ...copy, side, protocol, name: `direct cp ${protocol}`, takeShort: () => "cluster" }),
  )
  const control = await strikeAll(stage, Object.values(direct), first.faults.map(standstill(direct, ours)), say)
  return {
    loadAtStart,
    megabytes,
    runs: [first, long],
    control,
    copies: { ours: ours.websocket.copies, control: direct.websocket.copies },
    logs: { proxy: stage.user.proxy.log, "auth-proxy": stage.world.authProxy.log },
  }
}

const ofBoth = (session: (protocol: Protocol) => CpSession): CopiesOfBoth => ({
  websocket: session("websocket"),
  spdy: session("spdy"),
})

const everyFault = (quick: boolean): readonly Fault[] => {
  const times = quick ? 1 : 5
  return [
    ...Array.from({ length: times }, () => relayKilled),
    ...Array.from({ length: times }, () => agentKilled),
    relayDrained,
    agentDrained,
    agentLinkDropped(quick ? 8 : 20),
    addressChanged,
    proxyStopped(quick ? 10 : 40),
  ]
}

/** As long as our copies heard nothing. */
const standstill =
  (direct: CopiesOfBoth, ours: CopiesOfBoth) =>
  ({ fault, pauses }: Struck): Fault =>
    copiesStopped(Object.values(direct), fault, Math.max(...Object.values(ours).map(({ name }) => pauses[name]!)))
