#!/usr/bin/env bun
import { checkRuntime } from "../platform/version.ts"
import { places } from "./commands/originOptions.ts"
import { answerShell } from "./completion/answerShell.ts"
import { completeCommand } from "./completion/scripts.ts"
import { program } from "./program.ts"
import { runClient } from "./runClient.ts"

checkRuntime()

const [, , first, ...words] = process.argv
if (first === completeCommand)
  void answerShell(program(undefined), "clusterconnect", words, process.env, places).then((answer) =>
    // A relay that is still to answer is not waited for.
    process.stdout.write(answer, () => process.exit(0)),
  )
else runClient()
