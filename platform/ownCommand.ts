/** The words that start this very program again: the compiled binary, or Bun and the program's file. */
export const ownCommand = (): readonly [string, ...string[]] =>
  Bun.isStandaloneExecutable ? [process.execPath] : [process.execPath, Bun.main]
