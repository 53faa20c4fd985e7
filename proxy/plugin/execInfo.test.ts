import { expect, test } from "bun:test"
import { checkExecInfo, execApiVersion } from "./execInfo.ts"

test("a credential is given only to a client that sends it to our endpoint, by no other way and under no other name", () => {
  const ours = {
    server: "https://127.0.0.1:47100",
    "certificate-authority-data": Buffer.from("PEM").toString("base64"),
  }
  const check = (cluster: object) =>
    checkExecInfo(JSON.stringify({ apiVersion: execApiVersion, spec: { cluster } }), 47_100, "PEM")
  check(ours)
  // As some clients write what is not set.
  check({ ...ours, "insecure-skip-tls-verify": false, "proxy-url": "", config: null })
  for (const [name, value] of [
    ["insecure-skip-tls-verify", true],
    ["proxy-url", "http://evil.example"],
    ["tls-server-name", "evil.example"],
  ] as const)
    expect(() => check({ ...ours, [name]: value })).toThrow(`has ${name}`)
  expect(() => check({ ...ours, server: "https://127.0.0.1:47101" })).toThrow("server is not")
  expect(() => check({ ...ours, "certificate-authority-data": "" })).toThrow("authority is not this machine's")
})
