import { UsageWrong } from "../failures.ts"
import type { Environment } from "../settings/ProxySettings.ts"

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/
/** What would make a Bun program something else, and what has options of its own. */
const neverKept = /^(BUN_.*|CLUSTERCONNECT_.*|KUBERNETES_EXEC_INFO)$/i
const secretName = /(TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY|PRIVATE_KEY)/i
const placeName = /_(FILE|PATH|DIR|URL)$/i

/**
 * Variables of a token command, `NAME` with this shell's value or `NAME=VALUE`, as an entry keeps them. An entry holds no secret, so that
 * names which promise one are refused. @throws {UsageWrong}
 */
export const entryVariables = (given: readonly string[], environment: Environment): Readonly<Record<string, string>> =>
  Object.fromEntries(
    given.map((text) => {
      const equals = text.indexOf("=")
      const name = equals < 0 ? text : text.slice(0, equals)
      const value = equals < 0 ? environment[name] : text.slice(equals + 1)
      const wrong = (why: string) => new UsageWrong({ detail: `--variable ${name}: ${why}` })
      if (!namePattern.test(name)) throw wrong("expected NAME or NAME=VALUE")
      if (neverKept.test(name)) throw wrong("it is not a token command's own")
      if (secretName.test(name) && !placeName.test(name))
        throw wrong("a kubeconfig entry holds no secret: let the token command read it from a file")
      if (value === undefined) throw wrong("it is not set in this shell: give NAME=VALUE")
      return [name, value]
    }),
  )
