/** `bun deploy/commandReference.ts [--check]`: writes docs/commands.md from the help that the programs print themselves; with `--check` says whether it is up to date. */
import { spawn } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const file = join(root, "docs", "commands.md")

const programs = [
  ["clusterconnect", "proxy/main.ts", "the client"],
  ["clusterconnect-relay", "relay/main.ts", "the relay"],
  ["clusterconnect-agent", "agent/main.ts", "agent and auth proxy"],
  ["clusterconnect-operator", "operator/main.ts", "the operator"],
] as const

const help = (main: string, words: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, main), ...words, "--help"], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NO_COLOR: "1" },
    })
    let text = ""
    child.stdout.setEncoding("utf8").on("data", (chunk) => {
      text += chunk
    })
    child.once("error", reject)
    child.once("close", (code) => (code === 0 ? resolve(text) : reject(new Error(`${main} ${words} --help: ${code}`))))
  })

/** Names below COMMANDS: two blanks, the words, and the description on its own lines. */
const commandsIn = (text: string): readonly string[] =>
  [...(text.split("\nCOMMANDS\n")[1] ?? "").matchAll(/^ {2}(\S.*)$/gm)].map(([, words = ""]) => words)

const section = async (name: string, main: string, what: string): Promise<string> => {
  const own = await help(main, [])
  const parts = await Promise.all(
    commandsIn(own).map(async (words) => ({ words, text: await help(main, words.split(" ")) })),
  )
  const fenced = (text: string) => `\`\`\`text\n${text.trimEnd()}\n\`\`\`\n`
  return [
    `## ${name}: ${what}\n`,
    ...parts
      .filter(({ text }) => commandsIn(text).length === 0)
      .map(({ words, text }) => `### ${name} ${words}\n\n${fenced(text)}`),
  ].join("\n")
}

const text = `# Commands

Made by \`bun run commands\` from what \`--help\` prints; a test of deploy/ fails when it is out of date. Exit codes: docs/proxy.md. \`--help\` and \`--version\` work everywhere.

${(await Promise.all(programs.map(([name, main, what]) => section(name, main, what)))).join("\n")}`

if (!process.argv.includes("--check")) writeFileSync(file, text)
else if (readFileSync(file, "utf8") !== text) {
  console.error("docs/commands.md is not what the programs' help says: bun run commands")
  process.exit(1)
}
