import { join } from "node:path"

/** From sources Bun would read bunfig.toml and .env of whatever folder the program is started in, and run what they name. */
const withoutTheFolder = [`--config=${join(import.meta.dir, "..", "bunfig.toml")}`, "--no-env-file"]

/** The words that start this very program again, the same in every folder: the compiled binary, or Bun and the program's file. */
export const ownCommand = (): readonly [string, ...string[]] =>
  Bun.isStandaloneExecutable ? [process.execPath] : [process.execPath, ...withoutTheFolder, Bun.main]
