import { expect, test } from "bun:test"
import { once } from "node:events"
import http from "node:http"
import { clusterServerName } from "../../protocol/names.ts"
import { endpointBench } from "../testing/endpointBench.ts"
import type { FarEnd } from "../testing/FarEnd.ts"
import type { NearEnd } from "../testing/NearEnd.ts"

let far: FarEnd
let near: NearEnd
endpointBench((ownFar, ownNear) => {
  far = ownFar
  near = ownNear
})

const acquired = () => near.link.pool.acquire("attached", new AbortController().signal, 30_000)

for (const used of [false, true])
  test(`a request that comes to ${used ? "a used" : "a new"} connection after its end fails, and does not wait for ever`, async () => {
    const connection = await acquired()
    const host = clusterServerName(far.cluster)
    if (used) {
      const [answer] = await once(http.get({ agent: connection.agent, host, path: "/api" }), "response")
      await once(answer.resume(), "close")
    }
    const closed = once(connection.socket, "close")
    connection.socket.destroy()
    await closed
    expect(connection.attached).toBe(false)
    const late = http.get({ agent: connection.agent, host, path: "/late" })
    expect((await once(late, "error"))[0]).toBeInstanceOf(Error)
    near.link.pool.discard(connection, "request-failed")
  })
