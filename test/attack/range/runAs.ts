import { spawn } from "node:child_process"

/** Runs a program as another local user, with nothing of this one's environment. */
export const runAs = (
  uid: number,
  command: readonly [string, ...string[]],
): Promise<{ readonly code: number; readonly stdout: string }> =>
  new Promise((resolve, reject) => {
    const [program, ...args] = command
    const child = spawn(program, args, {
      uid,
      gid: uid,
      env: { PATH: "/usr/bin:/bin" },
      stdio: ["ignore", "pipe", "ignore"],
    })
    let stdout = ""
    child.stdout?.on("data", (chunk) => {
      stdout += chunk
    })
    child.once("error", reject)
    child.once("close", (code) => resolve({ code: code ?? -1, stdout }))
  })
