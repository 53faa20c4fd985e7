import { spawn } from "node:child_process"

const opener = (platform: NodeJS.Platform): readonly [string, ...string[]] => {
  if (platform === "darwin") return ["open"]
  if (platform === "win32") return ["rundll32", "url.dll,FileProtocolHandler"]
  return ["xdg-open"]
}

/** Asks the desktop to open an address. `failed` when it cannot; a browser that closes is no failure. */
export const openBrowser = (address: string, failed: () => void, platform = process.platform): void => {
  const [program, ...words] = opener(platform)
  const child = spawn(program, [...words, address], { stdio: "ignore", detached: true, shell: false })
  child.once("error", failed)
  child.once("exit", (code) => {
    if (code !== 0 && code !== null) failed()
  })
  child.unref()
}
