import { expect, test } from "bun:test"
import type { GivenFlags } from "../commands/settingsFrom.ts"
import { entryEnvironment, withVariables } from "./entryEnvironment.ts"

test("an entry's proxy gets no setting of a shell and no identity of a CI job", () => {
  const kept = { PATH: "/bin", HTTPS_PROXY: "http://p", CLUSTERCONNECT_KEYRING: "off" }
  const job = { ACTIONS_ID_TOKEN_REQUEST_TOKEN: "t", GITHUB_ACTIONS: "true", SYSTEM_ACCESSTOKEN: "t", TF_BUILD: "True" }
  const ours = { CLUSTERCONNECT_TOKEN: "t", CLUSTERCONNECT_PIN: "p", CLUSTERCONNECT_ID_TOKEN: "t", GITLAB_CI: "true" }
  expect(entryEnvironment({ ...kept, ...job, ...ours })).toEqual(kept)
})

test("a token command that means another program in every folder is refused, by flag and by variable", () => {
  const flags = { clusters: ["edge-1"] } as unknown as GivenFlags
  const withCommand = (tokenCommand: string) => withVariables({ ...flags, tokenCommand }, {})
  for (const command of ["./get-token {audience}", "bin/get-token", '["../get-token"]'])
    expect(() => withCommand(command)).toThrow("give its whole path")
  expect(() => withVariables(flags, { CLUSTERCONNECT_TOKEN_COMMAND: "./get-token" })).toThrow("give its whole path")
  for (const command of ["get-token {audience}", "/usr/bin/get-token"])
    expect(withCommand(command).tokenCommand).toBe(command)
})
