import { Command } from "@effect/cli"
import { Console } from "effect"
import { version } from "../version.ts"

/** `version`, the same in every server's program. */
export const printVersion = Command.make("version", {}, () => Console.log(version)).pipe(
  Command.withDescription("Print the program's version."),
)
