import { describe, expect, spyOn, test } from "bun:test"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { commandWords, tokenCommand } from "./tokenCommand.ts"

const environment = { PATH: process.env.PATH, CLUSTERCONNECT_TOKEN: "other-secret", BUN_OPTIONS: "--x" }
const audience = "clusterconnect:relay.example:8443/edge-1"
const run = (...script: string[]) =>
  tokenCommand(["sh", "-c", script.join("\n"), "sh", "{audience}"], environment).mint(audience)

describe("a command that prints a token", () => {
  test("is words, never a shell's line", () => {
    expect(commandWords(" az account get-access-token --resource {audience} ")).toEqual([
      "az",
      "account",
      "get-access-token",
      "--resource",
      "{audience}",
    ])
    expect(commandWords('["a b", "$x", ""]')).toEqual(["a b", "$x", ""])
    for (const text of ["", " ", "[]", "[1]", "[", "a | b", "a 'b c'", "$(x)", "a > b", "`x`", "a;b", '["" ]'])
      expect(() => commandWords(text)).toThrow("--token-command")
  })
  test("gets the audience as one word and as a variable, and none of our secrets", async () => {
    expect(await run(`[ "$1" = ${audience} ] && [ "$CLUSTERCONNECT_AUDIENCE" = "$1" ] && echo token`)).toBe("token")
    expect(await run('echo "<$CLUSTERCONNECT_TOKEN$BUN_OPTIONS>"')).toBe("<>")
  })
  test("is not run when an audience could be more than a word of it: then only the variable carries it", async () => {
    const hostile = ["x; touch /tmp/x", "$(id)", "`id`", "-x", "--output=/tmp/x", "a b", "a\nb", "", "a'b", "&", "$&"]
    for (const one of hostile) {
      const words = ["sh", "-c", "echo {audience}"] as const
      await expect(tokenCommand(words, environment).mint(one)).rejects.toMatchObject({
        cause: "TokenCommandFailed",
        detail: expect.stringContaining("so it was not run"),
      })
      const byVariable = ["sh", "-c", '[ "$CLUSTERCONNECT_AUDIENCE" = "$EXPECTED" ] && echo token'] as const
      expect(await tokenCommand(byVariable, { ...environment, EXPECTED: one }).mint(one)).toBe("token")
    }
  })
  test("has its words on stderr, and no token among them where that is a log; what it leaves running keeps nobody waiting", async () => {
    const began = performance.now()
    const said: string[] = []
    const write = spyOn(process.stderr, "write").mockImplementation((text) => {
      said.push(String(text))
      return true
    })
    try {
      const [claims, signature] = ["eyJhbGciOiJub25lIn0", "c2lnbmF0dXJl"]
      expect(await run(`echo "got ${claims}.${claims}.${signature}" >&2; sleep 6 >/dev/null & echo token`)).toBe(
        "token",
      )
      expect(performance.now() - began).toBeLessThan(5_000)
      expect(said.join("")).toBe("got [token]\n")
    } finally {
      write.mockRestore()
    }
  })
  test("may print what Kubernetes' exec plugins print", async () => {
    expect(await run(`echo '{"kind":"ExecCredential","status":{"token":"t"}}'`)).toBe("t")
    await expect(run(`echo '{"kind":"Other","status":{"token":"t"}}'`)).rejects.toThrow("no ExecCredential")
  })
  test("that fails, says too much or nothing is named by its program alone", async () => {
    await expect(run("echo secret; exit 3")).rejects.toThrow("the token command sh: it ended with 3")
    await expect(run("true")).rejects.toThrow("it printed nothing")
    await expect(run("echo a b")).rejects.toThrow("more than one word")
    await expect(run("yes 2>/dev/null")).rejects.toThrow("more than 65536 bytes")
    await expect(tokenCommand(["/none/such"], environment).mint("x")).rejects.toThrow("no such program")
  })
  test("that cannot be executed is refused by name, whatever the reason", async () => {
    const folder = await mkdtemp(join(tmpdir(), "clusterconnect-command-"))
    const file = join(folder, "script")
    await writeFile(file, "echo token", { mode: 0o700 })
    for (const [program, why] of [
      [file, "ENOEXEC"],
      [`${file}/below`, "ENOTDIR"],
      [folder, "EACCES"],
    ] as const)
      await expect(tokenCommand([program], environment).mint("x")).rejects.toMatchObject({
        cause: "TokenCommandFailed",
        detail: expect.stringContaining(`it cannot be executed (${why})`),
      })
    await rm(folder, { recursive: true })
  })
})
