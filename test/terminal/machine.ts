import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { BUSYBOX_IMAGE } from "../cluster/image/testImages.ts"
import { demoObjects } from "../demo/demoObjects.ts"
import { ours } from "../world/ours.ts"
import type { World } from "../world/World.ts"

/** What a person has: a home, programs on the PATH, and the certificate of the company's authority. */
export interface Machine {
  readonly home: string
  readonly environment: Readonly<Record<string, string>>
}

const quoted = (word: string) => `'${word}'`

export const prepareMachine = (world: World, authorities: string): Machine => {
  const home = join(world.directory, "home")
  const programs = join(world.directory, "bin")
  for (const folder of [home, programs]) mkdirSync(folder)
  const [command, args] = ours("clusterconnect", [])
  const program = join(programs, "clusterconnect")
  writeFileSync(program, `#!/bin/sh\nexec ${[command, ...args].map(quoted).join(" ")} "$@"\n`)
  chmodSync(program, 0o755)
  symlinkSync(world.cluster.kubectl, join(programs, "kubectl"))
  writeFileSync(join(home, "company-ca.crt"), authorities)
  return {
    home,
    environment: {
      PATH: `${programs}:${dirname(process.execPath)}:/usr/bin:/bin`,
      HOME: home,
      CLUSTERCONNECT_KEYRING: "off",
    },
  }
}

/** A pod to look at, and the right to do so. */
export const prepareCluster = async ({ cluster }: World): Promise<void> => {
  const input = JSON.stringify(demoObjects(BUSYBOX_IMAGE))
  await cluster.admin(["apply", "--server-side", "-f", "-"], { input })
  const binding = ["create", "rolebinding", "alice", "-n", "shop", "--clusterrole=edit", "--user=oidc:alice"]
  await cluster.admin(binding)
  await cluster.admin(["wait", "-n", "shop", "--for=condition=Ready", "--timeout=120s", "pod/web"])
}
