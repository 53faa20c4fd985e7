import { expect, test } from "bun:test"
import { dirname, join } from "node:path"
import { runProgram } from "../../cluster/process/runProgram.ts"
import { root } from "../../project.ts"
import type { User, World } from "../../world/World.ts"

const kinds = ["cc-auth-proxy", "cc-api-server", "cc-proxy"]

/** `clusterconnect doctor` on the real path, and what the answers say of it. */
export const examination = (world: () => World, user: () => User): void => {
  test("doctor finds nothing wrong on a path that works, says who the caller is in the cluster, and measures every hop", async () => {
    const { relayUrl, caFile, pin, clusterName } = world()
    const folder = dirname(user().kubeconfig)
    const doctor = await runProgram(
      process.execPath,
      [
        ...[join(root, "proxy/main.ts"), "doctor", "--relay", relayUrl, "--ca-file", caFile, "--pin", pin],
        ...["--token-file", join(folder, "cluster-token"), "--relay-token-file", join(folder, "relay-token")],
        ...["--output", "json", clusterName],
      ],
      { timeoutMillis: 60_000, env: { PATH: process.env.PATH, HOME: folder } },
    )
    const { checks, latencyMillis } = JSON.parse(doctor.stdout)
    expect(checks.filter(({ verdict }: { verdict: string }) => verdict !== "ok")).toEqual([])
    expect(doctor.code).toBe(0)
    expect(checks.at(-1).detail).toBe("oidc:alice in oidc:team-a, oidc:ops, night, system:authenticated")
    for (const hop of ["relay", "path", "authProxy", "apiServer"]) expect(latencyMillis[0][hop]).toBeNumber()
  })

  test("the API server's answers carry the timings of auth proxy and proxy", async () => {
    const { stderr } = await user().kubectl.run(["get", "--raw", "/version", "-v=8"])
    for (const kind of kinds) expect(stderr).toContain(`${kind};dur=`)
  })
}
