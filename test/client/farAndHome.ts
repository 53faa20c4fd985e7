import { afterEach, beforeEach, expect } from "bun:test"
import { FarEnd } from "../../proxy/testing/FarEnd.ts"
import { Home, ProxyProcess } from "../../proxy/testing/ProxyProcess.ts"

/**
 * Gives every test of the file that calls this a far end and a home of its own. With `stopping` what proxies a test leaves in the
 * background are stopped after it, by the command for that, which must succeed.
 */
export const farAndHome = (
  begin: (far: FarEnd, home: Home) => void,
  { stopping = false }: { readonly stopping?: boolean } = {},
): void => {
  let far: FarEnd
  let home: Home
  beforeEach(async () => {
    far = await FarEnd.start()
    home = await Home.for(far)
    begin(far, home)
  })
  afterEach(async () => {
    const stopped = stopping ? await new ProxyProcess(home, ["stop", "--all"]).ended() : undefined
    await far.stop()
    await home[Symbol.asyncDispose]()
    if (stopped !== undefined) expect({ code: stopped.code, stderr: stopped.stderr }).toMatchObject({ code: 0 })
  })
}
