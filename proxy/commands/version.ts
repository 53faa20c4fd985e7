import { Command } from "@effect/cli"
import { Console } from "effect"
import { version as programVersion } from "../../platform/version.ts"

export const version = Command.make("version", {}, () => Console.log(`clusterconnect ${programVersion}`)).pipe(
  Command.withDescription("Print the version of this program."),
)
