import { createInterface } from "node:readline/promises"

/** Asks a person whether entries that are not ours may go; undefined where there is no terminal to ask at. */
export const askToReplace = (
  input: NodeJS.ReadStream,
  output: NodeJS.WriteStream,
): ((names: readonly string[], path: string) => Promise<boolean>) | undefined => {
  if (input.isTTY !== true || output.isTTY !== true) return undefined
  return async (names, path) => {
    const lines = createInterface({ input, output })
    try {
      const ended = new Promise<string>((resolve) => lines.once("close", () => resolve("")))
      const question = `${path} has ${names.map((name) => `'${name}'`).join(", ")} already, and it is not ours. Replace it (yes/no)? `
      return (await Promise.race([lines.question(question), ended])).trim() === "yes"
    } finally {
      lines.close()
    }
  }
}
