import { describe, expect, test } from "bun:test"
import { join } from "node:path"

const repository = join(import.meta.dir, "..")

/** What a program of this repository says; its output is a pipe. */
const said = async (program: string, ...words: ReadonlyArray<string>) => {
  const child = Bun.spawn([process.execPath, join(repository, program, "main.ts"), ...words], {
    env: { PATH: process.env.PATH ?? "", HOME: "/nonexistent" },
    stdout: "pipe",
    stderr: "pipe",
  })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { stdout, stderr, code }
}

const terminal = Bun.which("script") !== null
if (!terminal) console.warn("commandLine.test.ts: no test on a terminal: script missing (Debian: bsdutils)")

describe("the command line of", () => {
  test.each([
    ["proxy", "clusterconnect", "doctor"],
    ["agent", "clusterconnect-agent", "tunnel"],
    ["relay", "clusterconnect-relay", "serve"],
    ["operator", "clusterconnect-operator", "uninstall"],
  ])(
    "%s: help names the commands, without colour in a pipe and without the parser's boilerplate",
    async (program, name, command) => {
      const whole = await said(program, "--help")
      expect(whole.code).toBe(0)
      expect(whole.stderr).toBe("")
      expect(whole.stdout).toStartWith(`Usage: ${name} COMMAND\n`)
      expect(whole.stdout).toContain(`\n  ${command}\n`)
      const one = await said(program, command, "--help")
      expect(one.code).toBe(0)
      expect(one.stdout).toStartWith(`Usage: ${name} ${command} [OPTIONS]`)
      for (const { stdout } of [whole, one]) {
        expect(stdout).not.toContain("\u001b")
        expect(stdout).not.toMatch(/user-defined|true or false|This (setting|option|argument)|wizard/)
      }
    },
  )
  test.each(["proxy", "agent", "relay", "operator"])(
    "%s: a wrong command is one line and exit code 2",
    async (program) => {
      const { stdout, stderr, code } = await said(program, "no-such-command")
      expect(code).toBe(2)
      expect(stdout).toBe("")
      expect(stderr).toMatch(/^clusterconnect[-a-z]*: there is no command no-such-command; there are [^\n]*\n$/)
      expect(stderr).not.toContain("\u001b")
    },
  )
  test.each([
    ["proxy", "doctor --bogus", "clusterconnect doctor: there is no option --bogus"],
    ["proxy", "run --bogus", "clusterconnect run: there is no option --bogus"],
    ["proxy", "run edge-1 --bogus -- true", "clusterconnect run: there is no option --bogus"],
    ["proxy", "login --bogus", "clusterconnect login: there is no option --bogus"],
    ["proxy", "login --use nope", "clusterconnect login: --use nope: expected access-token or id-token"],
    ["proxy", "clusters revoke --bogus --relay", "clusterconnect clusters revoke: there is no option --bogus"],
    ["proxy", "clusters lst", "clusterconnect clusters: there is no command lst, did you mean list?"],
    ["proxy", "proxy edge-1 --port x", "clusterconnect proxy: --port x: expected a whole number"],
    ["relay", "token create edge-1", "clusterconnect-relay token create: --config is missing"],
    ["agent", "tunnel --rely=x", "clusterconnect-agent tunnel: there is no option --rely, did you mean --relay?"],
    ["operator", "run --kubeconfig", "clusterconnect-operator run: --kubeconfig needs a value: --kubeconfig PATH"],
  ])("%s %s: the wrong word, the command and where its help is, on one line", async (program, line, expected) => {
    const { stdout, stderr, code } = await said(program, ...line.split(" "))
    expect([code, stdout]).toEqual([2, ""])
    expect(stderr).toBe(`${expected} (see ${expected.slice(0, expected.indexOf(":"))} --help)\n`)
  })
  test("operator: uninstall says in plain text what failed, run in a line of its log", async () => {
    const missing = ["--kubeconfig", "/nonexistent/file"]
    const [once, running] = [await said("operator", "uninstall", ...missing), await said("operator", "run", ...missing)]
    expect([once.code, once.stdout]).toEqual([1, ""])
    expect(once.stderr).toMatch(/^clusterconnect-operator: read kubeconfig: [^\n]*\/nonexistent\/file[^\n]*\n$/)
    expect(running.code).toBe(1)
    expect(JSON.parse(running.stderr)).toMatchObject({ level: "error", program: "operator" })
  })
  test("agent: an option that may be repeated is understood with = as well", async () => {
    const { stderr } = await said("agent", "tunnel", "--ca-file=/nonexistent/a.pem", "--ca-file=/nonexistent/b.pem")
    expect(stderr).not.toContain("--help")
  })
  test("run: help says where the command goes", async () => {
    const { stdout } = await said("proxy", "run", "--help")
    expect(stdout).toStartWith("Usage: clusterconnect run [OPTIONS] <CLUSTER[,CLUSTER]>... -- COMMAND...\n")
    expect(stdout).toMatch(/\n {2}clusterconnect run edge-1 -- kubectl get pods\n/)
  })
  test.skipIf(!terminal)("headings are bold on a terminal, unless NO_COLOR is set", async () => {
    const command = `${process.execPath} ${join(repository, "proxy", "main.ts")} doctor --help`
    const onTerminal = async (environment: Record<string, string>) => {
      const child = Bun.spawn(["script", "-qec", command, "/dev/null"], {
        env: { PATH: process.env.PATH ?? "", HOME: "/nonexistent", ...environment },
        stdin: "ignore",
        stdout: "pipe",
      })
      return await new Response(child.stdout).text()
    }
    expect(await onTerminal({})).toContain("\u001b[1mOPTIONS\u001b[22m")
    expect(await onTerminal({ NO_COLOR: "" })).toContain("\u001b[1mOPTIONS\u001b[22m")
    const plain = await onTerminal({ NO_COLOR: "1" })
    expect(plain).toContain("OPTIONS")
    expect(plain).not.toContain("\u001b[1m")
  })
  test("relay: a command that only holds others shows them, one of theirs its own options", async () => {
    const group = await said("relay", "token")
    expect(group.code).toBe(0)
    expect(group.stdout).toStartWith("Usage: clusterconnect-relay token COMMAND\n")
    const one = await said("relay", "token", "create", "--help")
    expect(one.stdout).toStartWith("Usage: clusterconnect-relay token create [OPTIONS] <CLUSTER>\n")
    expect(one.stdout).toMatch(/--config PATH\n[^-]*Required\./)
  })
})
