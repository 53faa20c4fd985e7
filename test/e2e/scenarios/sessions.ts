import { expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { createHash, randomBytes } from "node:crypto"
import { bothSay, end, lines, type Sides } from "../sides.ts"

const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex")

/** exec and attach over both protocols that kubectl speaks. */
const protocols = [
  { name: "WebSocket", env: {} },
  { name: "SPDY", env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false", KUBECTL_PORT_FORWARD_WEBSOCKETS: "false" } },
] as const

/** Requests that turn into two-way sessions. */
export const sessions = (
  sides: () => Sides,
  alice: () => { readonly kubectl: string; readonly kubeconfig: string },
): void => {
  for (const { name, env } of protocols) {
    const options = { env: { ...process.env, ...env } }

    test(`exec over ${name} keeps standard output, standard error and the exit code apart`, async () => {
      const script = "echo to-out; echo to-err >&2; exit 7"
      const { tunnel } = await bothSay(sides(), ["exec", "shell", "-n", "e2e", "--", "sh", "-c", script], options)
      expect([tunnel.code, tunnel.stdout]).toEqual([7, "to-out\n"])
      expect(tunnel.stderr).toContain("to-err")
    })

    test(`exec over ${name} carries 8 MB of standard input byte for byte and its end`, async () => {
      const input = randomBytes(8_000_000)
      const { tunnel } = await bothSay(sides(), ["exec", "-i", "shell", "-n", "e2e", "--", "sha256sum"], {
        ...options,
        input,
      })
      expect(tunnel.stdout).toContain(sha256(input))
    })

    test(`attach over ${name} talks to the running process`, async () => {
      const child = sides().tunnel.spawn(["attach", "-i", "echo", "-n", "e2e"], env)
      const seen = lines(child)
      child.stdin!.write(`hello over ${name}\n`)
      await seen.until(`echoed: hello over ${name}`)
      await end(child)
    })

    test(`port-forward over ${name} serves several connections at once`, async () => {
      const child = sides().tunnel.spawn(["port-forward", "pod/web", "-n", "e2e", ":8080"], env)
      const forwarding = await lines(child).until("Forwarding from 127.0.0.1:")
      const port = forwarding.match(/127\.0\.0\.1:(\d+)/)![1]
      const bodies = await Promise.all(
        Array.from({ length: 6 }, () => fetch(`http://127.0.0.1:${port}/data`).then((answer) => answer.arrayBuffer())),
      )
      const direct = await sides().direct.run(["exec", "web", "-n", "e2e", "--", "sha256sum", "/www/data"])
      for (const body of bodies) expect(direct.stdout).toContain(sha256(new Uint8Array(body)))
      await end(child)
    })
  }

  test("logs -f follows to the end of the container", async () => {
    const { tunnel } = await bothSay(sides(), ["logs", "-f", "counter", "-n", "e2e"])
    expect(tunnel.stdout.trim().split("\n").length).toBe(200)
  })

  test("logs -f shows a line when it is written", async () => {
    const child = sides().tunnel.spawn(["logs", "-f", "echo", "-n", "e2e", "--tail=1"])
    const seen = lines(child)
    await seen.until("echoed:")
    const speaker = sides().direct.spawn(["attach", "-i", "echo", "-n", "e2e"])
    speaker.stdin!.write("written later\n")
    await seen.until("echoed: written later")
    await Promise.all([end(child), end(speaker)])
  })

  test("an interactive shell on a terminal echoes what is typed and ends with its own exit code", async () => {
    const { kubectl, kubeconfig } = alice()
    const command = `${kubectl} --kubeconfig ${kubeconfig} exec -it shell -n e2e -- sh`
    const terminal = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], { stdio: "pipe" })
    const seen = lines(terminal)
    terminal.stdin.write("echo typed-$((40+2)); exit 3\n")
    await seen.until("typed-42")
    const code = await new Promise((resolve) => terminal.once("exit", resolve))
    expect(code).toBe(3)
  })
}
