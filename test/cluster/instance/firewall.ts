import { mustRun } from "../process/runProgram.ts"
import { UPLINK } from "./networkNamespace.ts"

const TABLE = "clusterconnect"

/**
 * Rules inside the cluster's namespace. Pods leave under the cluster's own address; closed drops every packet that comes
 * from outside and is not an answer, for the namespace itself (input) and for its pods and Services (forward).
 */
export function firewallRules(options: { readonly podRange: string; readonly closed: boolean }): string {
  const guard = (hook: string) => `
  chain ${hook} {
    type filter hook ${hook} priority filter; policy accept;
    iifname "${UPLINK}" ct state established,related accept
    iifname "${UPLINK}" counter name "dropped" drop
  }`
  return `table inet ${TABLE} {
  counter dropped { }
  chain leave {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${options.podRange} oifname "${UPLINK}" masquerade
  }${options.closed ? guard("input") + guard("forward") : ""}
}
`
}

export async function installFirewall(namespace: string, rules: string): Promise<void> {
  await mustRun("ip", ["netns", "exec", namespace, "nft", "--file", "-"], { input: rules })
}

export async function droppedPackets(namespace: string): Promise<number> {
  const text = await mustRun("ip", [
    ...["netns", "exec", namespace],
    ...["nft", "--json", "list", "counter", "inet", TABLE, "dropped"],
  ])
  const listing = JSON.parse(text) as { nftables: { counter?: { packets: number } }[] }
  const packets = listing.nftables.find((entry) => entry.counter !== undefined)?.counter?.packets
  if (packets === undefined) throw new Error(`nft shows no counter "dropped" in ${namespace}: ${text}`)
  return packets
}
