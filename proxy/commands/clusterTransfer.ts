import { Args, Command } from "@effect/cli"
import { Option } from "effect"
import { described } from "../../platform/commandLine.ts"
import { writeFileAtomic } from "../../platform/files.ts"
import { LocalFailure } from "../failures.ts"
import { printableJson } from "../printable.ts"
import { callRelay } from "../relay/callRelay.ts"
import { decodedAnswer, Imported } from "../relay/relayAnswers.ts"
import { access, admin, common, jsonFile } from "./clusterAdministration.ts"
import { attempt, outputOption, say, writeOut } from "./originOptions.ts"

const file = Args.text({ name: "FILE" }).pipe(
  Args.withDescription("Registrations as JSON; - is standard input or output."),
)

/** `clusterconnect clusters export`. */
export const exported = Command.make("export", { file: file.pipe(Args.optional), ...common }, (options) =>
  attempt(async () => {
    const text = `${printableJson(await callRelay(await access(options), `${admin}/registrations`), 2)}\n`
    const to = Option.getOrElse(options.file, () => "-")
    if (to === "-") await writeOut(text)
    else await writeFileAtomic(to, text)
  }),
).pipe(
  Command.withDescription(
    described("All registrations (public data), as a file that a relay imports or takes as configuration.", {
      examples: [["clusterconnect clusters export clusters.json", "Into a file; without one to standard output."]],
    }),
  ),
)

/** `clusterconnect clusters import`. */
export const imported = Command.make("import", { file, ...common, output: outputOption() }, (options) =>
  attempt(async () => {
    const body = await jsonFile(options.file)
    const at = await access(options)
    const given = await callRelay(at, `${admin}/registrations`, { method: "POST", body })
    const answer = decodedAnswer(at.settings.relay, Imported, given)
    if (options.output === "json") await writeOut(`${printableJson(answer)}\n`)
    say(`${answer.added.length} added, ${answer.updated.length} updated, ${answer.unchanged.length} unchanged`)
    for (const { name, reason } of answer.withoutDocument) say(`${name}: added without its document: ${reason}`)
    for (const { name, reason } of answer.refused) say(`${name}: refused: ${reason}`)
    if (answer.refused.length > 0)
      throw new LocalFailure({ detail: `${answer.refused.length} registrations were left as they are` })
  }),
).pipe(
  Command.withDescription(
    described(
      "Add registrations of an export; an existing one is never replaced by another identity. Exit code 1 when any is refused.",
      {
        examples: [
          [
            "clusterconnect clusters import clusters.json",
            "Restore the registrations of a relay that lost its database.",
          ],
          [
            "clusterconnect clusters import clusters.json --relay https://new.example.com",
            "Register the clusters at a relay with another URL too: documents are for one URL, so agents bring new ones.",
          ],
        ],
      },
    ),
  ),
)
