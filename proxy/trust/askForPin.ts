import { createInterface } from "node:readline/promises"
import type { FirstSight } from "./ClusterTrust.ts"

export interface Terminal {
  readonly input: NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
}

/** Asks a person, as ssh does: only the whole word `yes` or the pin itself confirms. The end of the input is a no. */
export const askForPin =
  ({ input, output }: Terminal) =>
  async ({ relay, cluster, pin }: FirstSight): Promise<boolean> => {
    output.write(
      [
        `The identity of cluster '${cluster}' at ${relay} is not known here.`,
        `  ${pin}`,
        "Compare it with .status.identityPin of the ClusterConnect resource in that cluster.",
        "",
      ].join("\n"),
    )
    const lines = createInterface({ input, output })
    try {
      const ended = new Promise<string>((resolve) => lines.once("close", () => resolve("")))
      for (;;) {
        const answer = (await Promise.race([lines.question("Is it the same (yes/no/sha256:…)? "), ended])).trim()
        if (answer === "yes" || answer === pin) return true
        if (answer === "no" || answer === "" || answer.startsWith("sha256:")) return false
        output.write("Please type 'yes', 'no' or the pin.\n")
      }
    } finally {
      lines.close()
    }
  }
