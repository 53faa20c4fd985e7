import { expect, test } from "bun:test"
import { directories } from "./directories.ts"
import { LocalFailure } from "./failures.ts"

test("configuration and state are where each system keeps them", () => {
  const at = (platform: NodeJS.Platform, home: string, environment = {}) => directories({ platform, home, environment })
  expect(at("linux", "/home/a")).toEqual({
    configuration: "/home/a/.config/clusterconnect",
    state: "/home/a/.local/state/clusterconnect",
  })
  expect(at("linux", "/home/a", { XDG_CONFIG_HOME: "/c", XDG_STATE_HOME: "relative" })).toEqual({
    configuration: "/c/clusterconnect",
    state: "/home/a/.local/state/clusterconnect",
  })
  expect(at("darwin", "/Users/a").state).toBe("/Users/a/Library/Application Support/clusterconnect")
  expect(at("darwin", "/Users/a", { XDG_CONFIG_HOME: "relative", XDG_STATE_HOME: "/s" })).toEqual({
    configuration: "/Users/a/Library/Preferences/clusterconnect",
    state: "/s/clusterconnect",
  })
  expect(at("win32", "C:\\Users\\a", { APPDATA: "D:\\r" })).toEqual({
    configuration: "D:\\r\\clusterconnect\\Config",
    state: "C:\\Users\\a\\AppData\\Local\\clusterconnect\\Data",
  })
  expect(() => at("linux", "")).toThrow(LocalFailure)
})
