import { expect, test } from "bun:test"
import { bothSay, type Sides } from "../sides.ts"

/** The table's AGE grows between the two commands, and its column with it. */
const withoutAges = (text: string): string => text.replace(/ +(\d+[dhms])+ +/g, " AGE ")

/** Requests that only read: whole answers, byte for byte what they are without us. */
export const reading = (sides: () => Sides): void => {
  test("get prints the same pods, as table, YAML and JSON", async () => {
    for (const output of ["wide", "yaml", "json"])
      await bothSay(sides(), ["get", "pods", "-n", "e2e", "-l", "e2e=fixed", "-o", output], { normal: withoutAges })
  })

  test("get of an object that is not there fails with the same words and exit code", async () => {
    const { tunnel } = await bothSay(sides(), ["get", "configmap", "nowhere", "-n", "e2e"])
    expect(tunnel.code).toBe(1)
    expect(tunnel.stderr).toContain("NotFound")
  })

  test("a list of 5,000 objects arrives whole, in one answer and in pages", async () => {
    const names = ["get", "configmaps", "-n", "e2e-many", "-o", "name"]
    const whole = await bothSay(sides(), [...names, "--chunk-size=0"])
    expect(whole.tunnel.stdout.trim().split("\n").length).toBeGreaterThanOrEqual(5000)
    await bothSay(sides(), [...names, "--chunk-size=500"])
  })

  test("a ConfigMap of 1 MB reads back byte for byte", async () => {
    const { tunnel } = await bothSay(sides(), ["get", "configmap", "large", "-n", "e2e", "-o", "jsonpath={.data.blob}"])
    expect(tunnel.stdout.length).toBe(1_000_000)
  })

  test("discovery and OpenAPI are the same documents", async () => {
    await bothSay(sides(), ["api-resources", "-o", "wide", "--sort-by=name"])
    await bothSay(sides(), ["explain", "pods.spec.containers"])
    await bothSay(sides(), ["get", "--raw", "/openapi/v2"])
    await bothSay(sides(), ["get", "--raw", "/openapi/v3"])
  })

  test("raw paths with queries and escapes reach the API server as they were written", async () => {
    await bothSay(sides(), ["get", "--raw", "/version"])
    await bothSay(sides(), ["get", "--raw", "/apis/apps/v1?timeout=3s"])
    const pods = "/api/v1/namespaces/e2e/pods?labelSelector=e2e%3Dfixed&limit=1"
    // A list and where it goes on carry the store's revision, which any write between the two raises.
    const normal = (text: string) => text.replace(/"(resourceVersion|continue)":"[^"]*"/g, '"$1":""')
    await bothSay(sides(), ["get", "--raw", pods], { normal })
    const { tunnel } = await bothSay(sides(), ["get", "--raw", "/apis/nothing.example/v1"])
    expect(tunnel.code).toBe(1)
  })

  test("top says honestly that there is no metrics API", async () => {
    const { tunnel } = await bothSay(sides(), ["top", "pods", "-n", "e2e"])
    expect(tunnel.code).toBe(1)
    expect(tunnel.stderr).toContain("Metrics API not available")
  })

  test("logs of a finished container are complete", async () => {
    const { tunnel } = await bothSay(sides(), ["logs", "counter", "-n", "e2e", "--tail=50"])
    expect(tunnel.stdout).toContain("line 1")
  })
}
