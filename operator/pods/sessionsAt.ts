import { relayUrl } from "../../protocol/names.ts"
import type { AgentStatus, SeenPod } from "./podStatus.ts"

/**
 * The agents with their sessions at this relay alone: those that were started for another one keep theirs with that for as long as
 * they run. An agent that does not say where its sessions are keeps all of them, and a URL that is none takes none away.
 */
export const sessionsAt = (url: string, agents: readonly SeenPod<AgentStatus>[]): readonly SeenPod<AgentStatus>[] => {
  if (!URL.canParse(url)) return agents
  const wanted = relayUrl(url)
  return agents.map((agent) =>
    agent.status?.relay === undefined || agent.status.relay === wanted
      ? agent
      : { ...agent, status: { ...agent.status, sessions: [] } },
  )
}
