import { expect, test } from "bun:test"
import { chooseProvider } from "./chooseProvider.ts"
import { k3sUnavailable, startK3s } from "./k3s.ts"

/** Pulling and starting k3s where there is an engine. */
const LIMIT_MILLIS = 300_000

test(
  "k3s gives a real Kubernetes where a Docker engine answers; where none does, the choice falls through and says so",
  async () => {
    const say = (line: string) => process.stderr.write(`cluster: ${line}\n`)
    const reason = await k3sUnavailable(say)
    if (reason !== undefined) {
      say(`k3s: not run here: ${reason}`)
      const machine = { kubeconfig: undefined, insisted: undefined, builtUnavailable: () => undefined }
      const choice = await chooseProvider({ level: "node" }, { ...machine, k3sUnavailable: async () => reason })
      expect(choice.provider).toBe("built")
      expect(choice.passedOver.at(-1)).toBe(`k3s is not used: ${reason}`)
      return
    }
    await using cluster = await startK3s(say)
    expect(await cluster.admin(["auth", "whoami"])).toContain("system:masters")
    expect(cluster.isolated).toBe(false)
  },
  LIMIT_MILLIS,
)
