import { expect, test } from "bun:test"
import { Either } from "effect"
import { operatorSettings } from "./settings.ts"

const pod = { POD_NAME: "operator-1", POD_NAMESPACE: "clusterconnect", CLUSTERCONNECT_IMAGE: "example.com/cc:1" }
const settings = (env: Record<string, string>) => Either.getOrThrow(operatorSettings(env))
const problems = (env: Record<string, string>) => {
  const result = operatorSettings(env)
  return Either.isLeft(result) ? result.left.problems : expect.unreachable("accepted")
}

test("a pod's environment is enough, and two starts of one pod are two holders", () => {
  const found = settings(pod)
  expect(found).toMatchObject({
    namespace: "clusterconnect",
    image: "example.com/cc:1",
    health: { host: "0.0.0.0", port: 8083 },
  })
  expect(found.identity).toMatch(/^operator-1_[0-9a-f]{16}$/)
  expect(settings(pod).identity).not.toBe(found.identity)
})

test("the health port's address may be given, IPv6 too", () => {
  const at = (listen: string) => settings({ ...pod, CLUSTERCONNECT_HEALTH_LISTEN: listen }).health
  expect(at("127.0.0.1:0")).toEqual({ host: "127.0.0.1", port: 0 })
  expect(at("[::]:9000")).toEqual({ host: "::", port: 9000 })
})

test("everything that is missing or wrong is named at once", () => {
  expect(problems({ CLUSTERCONNECT_HEALTH_LISTEN: "8083" })).toEqual([
    "POD_NAMESPACE is not set",
    "POD_NAME is not set",
    "CLUSTERCONNECT_IMAGE is not set",
    "CLUSTERCONNECT_HEALTH_LISTEN 8083: expected HOST:PORT",
  ])
})
