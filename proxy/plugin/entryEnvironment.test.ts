import { expect, test } from "bun:test"
import type { GivenFlags } from "../commands/settingsFrom.ts"
import { UsageWrong } from "../failures.ts"
import { entryEnvironment, withVariables } from "./entryEnvironment.ts"
import { entryVariables } from "./entryVariables.ts"

test("an entry's proxy gets nothing that is a shell's own but what the entry keeps, and no identity of a CI job", () => {
  const kept = { PATH: "/bin", HTTPS_PROXY: "http://p", CLUSTERCONNECT_KEYRING: "off" }
  const job = { ACTIONS_ID_TOKEN_REQUEST_TOKEN: "t", GITHUB_ACTIONS: "true", SYSTEM_ACCESSTOKEN: "t", TF_BUILD: "True" }
  const ours = { CLUSTERCONNECT_TOKEN: "t", CLUSTERCONNECT_PIN: "p", CLUSTERCONNECT_ID_TOKEN: "t", GITLAB_CI: "true" }
  const shell = { AZURE_CONFIG_DIR: "/other", AWS_PROFILE: "other", LD_PRELOAD: "/x.so", NODE_OPTIONS: "--x" }
  expect(entryEnvironment({ ...kept, ...job, ...ours, ...shell }, {})).toEqual(kept)
  const variables = { AZURE_CONFIG_DIR: "/mine", PATH: "/usr/bin" }
  expect(entryEnvironment({ ...kept, ...shell }, variables)).toEqual({ ...kept, ...variables })
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

test("variables are kept with their values; names that promise a secret, or are not a token command's own, are refused", () => {
  expect(
    entryVariables(["A", "B=1=2", "AWS_WEB_IDENTITY_TOKEN_FILE"], { A: "a", AWS_WEB_IDENTITY_TOKEN_FILE: "/t" }),
  ).toEqual({
    ...{ A: "a", B: "1=2", AWS_WEB_IDENTITY_TOKEN_FILE: "/t" },
  })
  for (const text of [
    "VAULT_TOKEN",
    "AWS_SECRET_ACCESS_KEY=x",
    "CLUSTERCONNECT_PIN=x",
    "BUN_OPTIONS=x",
    "ABSENT",
    "a-b=1",
    "=x",
  ])
    expect(() => entryVariables([text], { VAULT_TOKEN: "t" })).toThrow(UsageWrong)
})
