import { join } from "node:path"
import { root } from "../project.ts"
import type { World } from "../world/World.ts"
import { prepareCluster } from "./machine.ts"
import { normal } from "./normal.ts"
import { type Scene, session } from "./session.ts"

export const pageFile = join(root, "docs", "terminal.md")

const page = (scenes: readonly Scene[]): string =>
  [
    "# A session in the terminal",
    "",
    "Recorded by `bun run terminal` with a real cluster that has no inbound port, relay, identity provider and kubectl. Names, ports, paths, times and codes are the same in every recording; nothing else was changed.",
    ...scenes.flatMap(({ title, told, screens }) => [
      "",
      `## ${title}`,
      ...(told === "" ? [] : ["", told]),
      ...screens.flatMap((screen) => ["", "```text", screen, "```"]),
    ]),
    "",
  ].join("\n")

/** The page that a session in this world makes. */
export const recordedPage = async (world: World, onProgress: (line: string) => void): Promise<string> => {
  await prepareCluster(world)
  const [{ home }, scenes] = await session(world, onProgress)
  const { relayUrl, pin } = world
  return normal(page(scenes), { relayUrl, issuer: world.identityProvider.issuer, home, pin })
}

/** Headings and what was typed, without what the programs said. */
export const outlineOf = (page: string): readonly string[] =>
  page.split("\n").filter((line) => line.startsWith("## ") || line.startsWith("$ "))
