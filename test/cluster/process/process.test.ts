import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DaemonFailed, startDaemon } from "./Daemon.ts"
import { LockFailed, lockFile } from "./FileLock.ts"
import { identityOf, isRunning, killProcesses, ProcessesRemain, signalProcess, whenEnded } from "./processIdentity.ts"
import { mustRun, ProgramFailed, runProgram } from "./runProgram.ts"

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "clusterconnect-process-"))
})
afterAll(() => rmSync(directory, { recursive: true }))

describe("running a program", () => {
  test("returns what it said on both streams and its exit code", async () => {
    const finished = await runProgram("sh", ["-c", "cat; echo bad >&2; exit 3"], { input: "good" })
    expect(finished).toEqual({ code: 3, stdout: "good", stderr: "bad\n" })
  })

  test("a program that cannot be found, fails or takes too long is a ProgramFailed that names it", async () => {
    await expect(runProgram("no-such-program", [])).rejects.toBeInstanceOf(ProgramFailed)
    await expect(mustRun("sh", ["-c", "echo why >&2; exit 4"])).rejects.toThrow(/exit code 4\nwhy/)
    await expect(runProgram("sleep", ["60"], { timeoutMillis: 20 })).rejects.toThrow("sleep 60: killed after 20 ms")
  })

  test("a program that does not read its input is no failure", async () => {
    expect((await runProgram("true", [], { input: "x".repeat(1_000_000) })).code).toBe(0)
  })
})

describe("the identity of a process", () => {
  test("is gone when the process is, and another start time is another process", async () => {
    const child = spawn("sleep", ["60"], { stdio: "ignore" })
    const identity = identityOf(child.pid!)!
    expect(isRunning(identity)).toBe(true)
    expect(signalProcess({ ...identity, startTicks: "1" }, "SIGKILL")).toBe(false)
    expect(isRunning(identity)).toBe(true)
    await expect(whenEnded([identity], 20)).rejects.toBeInstanceOf(ProcessesRemain)
    await killProcesses([identity])
    expect(isRunning(identity)).toBe(false)
  })

  test("is read rightly when the program's name holds blanks and parentheses", async () => {
    const child = spawn("sh", ["-c", "printf 'x) S 1 (y' > /proc/$$/comm; echo named; exec cat"], {
      stdio: ["pipe", "pipe", "ignore"],
    })
    await new Promise((resolve) => child.stdout.once("data", resolve))
    expect(identityOf(child.pid!)?.startTicks).toMatch(/^\d{3,}$/)
    child.stdin.end()
    await new Promise((resolve) => child.once("close", resolve))
  })
})

describe("a daemon", () => {
  test("that ends before it is ready is reported at once, with the end of its log", async () => {
    const command = ["sh", "-c", "echo cannot bind; exit 7"] as const
    const daemon = startDaemon({ name: "server", logFile: join(directory, "server.log"), command })
    const failure = await daemon.until("its port", 60_000, async () => undefined).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(DaemonFailed)
    expect((failure as Error).message).toMatch(/^server ended with code 7 before its port; .*\ncannot bind$/)
  })

  test("whose program is not there is reported by its name", () => {
    const start = () =>
      startDaemon({ name: "absent", logFile: join(directory, "x.log"), command: ["/no/such/program"] })
    expect(start).toThrow(DaemonFailed)
  })

  test("that is never ready is reported when the time is over", async () => {
    const daemon = startDaemon({ name: "slow", logFile: join(directory, "slow.log"), command: ["sleep", "60"] })
    await expect(daemon.until("its port", 60, async () => undefined)).rejects.toThrow(
      "slow is not there after 60 ms: its port",
    )
    await killProcesses([daemon.identity])
  })
})

describe("a file lock", () => {
  test("lets the second holder in when the first releases it, and tells it that it waits", async () => {
    const path = join(directory, "a.lock")
    const first = await lockFile(path)
    const order: string[] = []
    const waiting = Promise.withResolvers<void>()
    const second = lockFile(path, () => waiting.resolve()).then((lock) => {
      order.push("second")
      return lock
    })
    await waiting.promise
    order.push("released")
    await first.release()
    await (await second).release()
    expect(order).toEqual(["released", "second"])
    expect(existsSync(path)).toBe(true)
  })

  test("that cannot be opened is a LockFailed, not a lock", async () => {
    await expect(lockFile(join(directory, "not-a-file/"))).rejects.toBeInstanceOf(LockFailed)
  })

  test("is freed by the kernel when its holder is killed", async () => {
    const path = join(directory, "b.lock")
    const program = `const { lockFile } = await import(${JSON.stringify(join(import.meta.dir, "FileLock.ts"))})
      await lockFile(${JSON.stringify(path)}); console.log("held"); setInterval(() => {}, 1000)`
    const holder = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] })
    await new Promise((resolve) => holder.stdout.once("data", resolve))
    const waiting = Promise.withResolvers<void>()
    const lock = lockFile(path, () => waiting.resolve())
    await waiting.promise
    holder.kill("SIGKILL")
    await (await lock).release()
  })
})
