import { type ParseArgsConfig, parseArgs } from "node:util"

/**
 * Reads what was typed behind a program that people run from the checkout. `--help` prints `usage` and ends the process with 0. What is
 * not understood, by the parser or by the program through `refuse`, is one line on stderr before `usage`, and ends it with 2.
 */
export const commandWords = <const Config extends ParseArgsConfig>(usage: string, config: Config) => {
  const refuse = (reason: string): never => {
    console.error(`${reason}\n${usage}`)
    process.exit(2)
  }
  if (process.argv.includes("--help")) {
    console.log(usage)
    process.exit(0)
  }
  try {
    return { ...parseArgs(config), refuse }
  } catch (error) {
    return refuse((error as Error).message)
  }
}
