export interface LoginSituation {
  readonly platform: NodeJS.Platform
  readonly environment: Readonly<Record<string, string | undefined>>
  /** A person sees what is written. */
  readonly terminal: boolean
  readonly deviceCode: boolean
  readonly skipOpenBrowser: boolean
  /** The provider offers it. */
  readonly deviceOffered: boolean
}

/** `open`: a browser is opened. `print`: its address is printed. `device`: a code is confirmed on another device. */
export type LoginWay = "open" | "print" | "device"

/** How to log in here: what was asked for, else a browser where one can be, else the device code, else an address to copy. */
export const loginWay = (situation: LoginSituation): LoginWay => {
  if (situation.deviceCode) return "device"
  if (situation.skipOpenBrowser) return "print"
  if (hasBrowser(situation)) return "open"
  return situation.deviceOffered ? "device" : "print"
}

/** On another machine's screen, in a container or without a display nobody would see a browser, or it could not reach our loopback. */
const hasBrowser = ({ platform, environment, terminal }: LoginSituation): boolean => {
  const set = (name: string) => (environment[name] ?? "") !== ""
  if (!terminal || set("CI") || set("SSH_CONNECTION") || set("SSH_TTY")) return false
  if (platform === "darwin" || platform === "win32") return true
  return set("DISPLAY") || set("WAYLAND_DISPLAY") || set("WSL_DISTRO_NAME")
}
