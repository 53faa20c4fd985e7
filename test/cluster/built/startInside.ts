import { join } from "node:path"
import { anchoredCommand } from "../instance/anchor.ts"
import type { Instance } from "../instance/createInstance.ts"
import { type Daemon, startDaemon } from "../process/Daemon.ts"

/** Starts a program of the cluster in the instance's namespaces; its log is NAME.log in the instance's directory. */
export function startInside(
  instance: Instance,
  name: string,
  command: readonly string[],
  env?: NodeJS.ProcessEnv,
): Daemon {
  const daemon = startDaemon({
    name,
    command: anchoredCommand(instance.anchor, command),
    logFile: join(instance.directory, `${name}.log`),
    ...(env === undefined ? {} : { env }),
  })
  instance.remember(name, daemon.identity)
  return daemon
}
