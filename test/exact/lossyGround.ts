import { join } from "node:path"
import { connectWebSocket, trustedRoots } from "../../platform/outbound.ts"
import { instanceHeader, path, streamProtocol } from "../../protocol/names.ts"
import { carrierMaxPayload } from "../../protocol/splice.ts"
import { type ClientStream, openStream } from "../../protocol/stream/ClientStream.ts"
import { WindowBudget } from "../../protocol/stream/WindowBudget.ts"
import { CuttingProxy } from "../attack/range/CuttingProxy.ts"
import { startGround } from "../bench/path/ground.ts"
import { createLink, type LinkOptions } from "../bench/path/Link.ts"
import { startMiddle } from "../bench/path/tunnelPath.ts"
import type { Sum } from "./plan.ts"

/** Refused openings are for whoever opens; a carrier that was cut before the opening's answer is one. */
const openings = 20

/** What the far end says of a stream. */
export interface Report {
  readonly number: number
  readonly received?: Sum
  readonly sent?: Sum
  readonly reason?: string
  readonly error?: string
}

export interface LossyGround {
  readonly cutting: CuttingProxy
  open(): Promise<ClientStream>
  /** How often streams have found another carrier. */
  resumed(): number
  /** Of the stream with this number, when it has ended there. */
  farReport(number: number): Promise<Report>
}

/** Relay and agent behind a link that loses packets, a far end that follows the plans of `seed`, and carriers that can be cut. */
export const startLossyGround = async (
  stack: AsyncDisposableStack,
  link: LinkOptions,
  seed: number,
): Promise<LossyGround> => {
  const cutting = await CuttingProxy.start()
  stack.defer(() => cutting.stop())
  const far = await createLink(link)
  stack.defer(() => far.stop())
  const ground = await startGround(stack, far)
  const middle = await startMiddle(stack, ground, { farEnd: [join(import.meta.dir, "farEnd.ts"), `${seed}`] })
  const headers = { authorization: `Bearer ${await middle.relayToken("exact")}` }
  const roots = trustedRoots({ pem: [ground.caPem] })
  const budget = new WindowBudget(256 * 2 ** 20)
  let resumed = 0
  const open = async (tries = openings): Promise<ClientStream> => {
    try {
      return await openStream({
        budget,
        onEvent: ({ type }) => {
          if (type === "resumed") resumed += 1
        },
        dial: ({ instance, signal }) =>
          connectWebSocket(middle.relayUrl.replace(/^http/, "ws") + path.stream(middle.cluster), {
            protocols: [streamProtocol],
            headers: { ...headers, ...(instance === undefined ? {} : { [instanceHeader]: instance }) },
            ca: roots,
            proxy: { httpsProxy: cutting.url },
            maxPayloadBytes: carrierMaxPayload,
            ...(signal === undefined ? {} : { signal }),
          }),
      })
    } catch (error) {
      if (tries <= 1) throw error
      return open(tries - 1)
    }
  }
  return {
    cutting,
    open,
    resumed: () => resumed,
    farReport: (number) =>
      middle
        .programs()
        .authProxy.until(`the end of stream ${number}`, (line) =>
          line.number === number ? (line as unknown as Report) : undefined,
        ),
  }
}
