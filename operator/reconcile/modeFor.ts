import type { ImpersonationMode } from "../../identity/impersonationRoles.ts"
import { chooseMode } from "./chooseMode.ts"
import type { Found, Judgement } from "./Found.ts"
import type { Memory } from "./Memory.ts"
import { probesOf } from "./parts.ts"

/** What the condition of an earlier process says of the role that was bound. */
const modeByReason: Readonly<Record<string, ImpersonationMode>> = {
  Constrained: "Constrained",
  ConstrainedUnavailable: "Constrained",
  Legacy: "Legacy",
}

/** The mode to bind, from the spec and everything that is known of the API server. Remembers a refusal, so that it is not tried at every pass. */
export const modeFor = (
  wanted: "Auto" | ImpersonationMode,
  serverVersion: string,
  before: Judgement | undefined,
  authProxies: Found["authProxies"],
  memory: Memory,
): ImpersonationMode | undefined => {
  const stood = modeByReason[before?.reason ?? ""]
  const present = memory.bound?.mode ?? stood
  const wasConstrained = stood === "Constrained"
  const probes = probesOf({ authProxies, bound: memory.bound })
  if (memory.bound?.mode === "Constrained" && probes.length > 0 && probes.every((probe) => probe === "forbidden"))
    memory.constrainedRefusedAt = serverVersion
  const constrainedRefused = memory.constrainedRefusedAt === serverVersion
  return chooseMode({ wanted, serverVersion, present, wasConstrained, constrainedRefused })
}
