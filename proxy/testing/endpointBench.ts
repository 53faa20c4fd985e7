import { afterAll, beforeAll } from "bun:test"
import { FarEnd } from "./FarEnd.ts"
import { NearEnd } from "./NearEnd.ts"

/** Gives all tests of the file that calls this one far end and one near end before it. */
export const endpointBench = (begin: (far: FarEnd, near: NearEnd) => void): void => {
  let far: FarEnd
  let near: NearEnd
  beforeAll(async () => {
    far = await FarEnd.start()
    near = await NearEnd.start(far)
    begin(far, near)
  })
  afterAll(async () => {
    await near.stop()
    await far.stop()
  })
}
