import { expect, test } from "bun:test"
import { connectProxy } from "../../platform/fixtures/connectProxy.ts"
import { startBench } from "./testing/AuthProxyBench.ts"

test("an issuer is asked through the HTTP proxy of the environment", async () => {
  let asked = () => {}
  const reached = new Promise<void>((resolve) => {
    asked = resolve
  })
  const proxy = await connectProxy({
    route: () => {
      asked()
      return { status: 403 }
    },
  })
  const bench = await startBench({}, { environment: { HTTPS_PROXY: proxy.url } })
  const entry = bench.issuer.entry()
  const other = {
    ...entry,
    name: "far",
    issuer: { ...entry.issuer, url: "https://issuer.test" },
    claimMappings: {
      ...entry.claimMappings,
      username: { claim: "sub", prefix: "far:" },
      groups: { claim: "groups", prefix: "far:" },
    },
  }
  expect(await bench.reconfigure({ "authentication.jwt": [entry, other] })).toBe(true)
  await reached
  expect(proxy.asked).toContain("issuer.test:443")
  await bench.stop()
  await proxy.close()
})
