/** `bun proxy/events/eventReference.ts` writes docs/events.md from the schema of the events. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { SchemaAST } from "effect"
import { clientEvents } from "./ClientEvent.ts"

const described = (ast: SchemaAST.Annotated): string =>
  (ast.annotations[SchemaAST.DescriptionAnnotationId] as string | undefined) ?? ""

const typeOf = (ast: SchemaAST.AST): string => {
  switch (ast._tag) {
    case "Literal":
      return `\`"${ast.literal}"\``
    case "Union":
      return ast.types.map(typeOf).join(", ")
    case "Refinement":
      return "integer"
    case "BooleanKeyword":
      return "boolean"
    case "TupleType":
      return "list of strings"
    default:
      return "string"
  }
}

const section = ({ ast }: (typeof clientEvents)[number]): string => {
  const struct = ast as SchemaAST.TypeLiteral | SchemaAST.Transformation
  const literal = (struct._tag === "Transformation" ? struct.from : struct) as SchemaAST.TypeLiteral
  const fields = literal.propertySignatures.map(
    ({ name, isOptional, type }) =>
      `| \`${String(name)}\` | ${typeOf(type)} | ${isOptional ? "" : "always"} | ${described(type)} |`,
  )
  const [first] = literal.propertySignatures
  const name = first === undefined ? "" : typeOf(first.type).replaceAll('"', "")
  return [`## ${name}`, "", described(ast), "", "| field | type | | |", "|---|---|---|---|", ...fields, ""].join("\n")
}

/** The whole page. */
export const eventReference = (): string => `# Events

Made by \`bun run events\` from proxy/events/ClientEvent.ts; a test fails when it is out of date.

\`clusterconnect proxy --output json\` writes what happens to standard output, one JSON object a line, for the program that started it. \`clusterconnect run --output json\`
writes the same to standard error, because standard output is the command's. Messages for people go to standard error as always (\`--log-format json\` makes
JSON of those too; they are no events). Read it like this: \`listening\` for each cluster, then \`ready\`, with \`run\` perhaps \`waiting\` before; \`lost\` and \`regained\` any number of times, with \`run\` also before
\`ready\`; \`stopping\` when it was asked to end, or \`failed\`, or with \`run\` \`ended\`. A command line that is not understood has no events, but exit code 2.

Later versions add events and fields, and take none away: ignore what you do not know. No field ever holds a credential.

    {"event":"listening","time":"2026-11-26T12:00:00.000Z","cluster":"edge-1","context":"edge-1","relay":"https://relay.example.com","host":"127.0.0.1","port":47011,"kubeconfig":"/home/you/.local/state/clusterconnect/kubeconfig/edge-1-47011.yaml"}
    {"event":"ready","time":"2026-11-26T12:00:00.001Z","clusters":["edge-1"],"kubeconfig":"/home/you/.local/state/clusterconnect/kubeconfig/edge-1-47011.yaml","merged":false}
    {"event":"stopping","time":"2026-11-26T12:30:00.000Z","clusters":["edge-1"]}

${clientEvents.map(section).join("\n")}`

if (import.meta.main) writeFileSync(join(import.meta.dir, "../../docs/events.md"), eventReference())
