import { spawn } from "node:child_process"
import { homedir } from "node:os"
import { type OpeningPage, openingPage } from "./openingPage.ts"

interface Desktop {
  readonly platform: NodeJS.Platform
  readonly environment: NodeJS.ProcessEnv
  /** A directory that the user's browser can read. */
  readonly home: () => string
}

const thisDesktop: Desktop = { platform: process.platform, environment: process.env, home: homedir }

/**
 * Asks the desktop to open an address that no other user of this machine may know: where they can read argument lists, a page of
 * the user's own is opened that goes there; it is removed with `opened`. `failed` when it cannot; a browser that closes is no
 * failure.
 */
export const openBrowser = (
  address: string,
  failed: () => void,
  opened: DisposableStack,
  { platform, environment, home }: Desktop = thisDesktop,
): void => {
  const open = (program: string, ...words: readonly string[]) => {
    const child = spawn(program, words, { stdio: "ignore", detached: true, shell: false, env: environment })
    child.once("error", failed)
    child.once("exit", (code) => {
      if (code !== 0 && code !== null) failed()
    })
    child.unref()
  }
  // Windows shows argument lists to their own user and to administrators only.
  if (platform === "win32") return void open("rundll32", "url.dll,FileProtocolHandler", address)
  let page: OpeningPage
  try {
    page = opened.use(openingPage(address, home()))
  } catch {
    return void failed()
  }
  // A path and no file: URL: under WSL the openers make a Windows path of it.
  open(platform === "darwin" ? "open" : "xdg-open", page.path)
}
