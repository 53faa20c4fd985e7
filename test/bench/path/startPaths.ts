import type { RowContext } from "../Row.ts"
import { type Ground, type Place, startGround, startHere } from "./ground.ts"
import { createLink, type LinkOptions } from "./Link.ts"
import { startSsh } from "./sshPath.ts"
import type { Path } from "./Target.ts"
import { startTunnel, type TunnelPath } from "./tunnelPath.ts"

export interface Paths {
  readonly ground: Ground
  readonly direct: Path
  readonly tunnel: TunnelPath
  readonly ssh: Path
  /** In the order in which a round takes them. */
  readonly all: readonly Path[]
}

/** The three ways to one stub, over loopback or with the cluster's side behind a link. */
export const startPaths = async ({ stack }: Pick<RowContext, "stack">, link?: LinkOptions): Promise<Paths> => {
  const place: Place = link === undefined ? await startHere(stack) : await behind(stack, link)
  const ground = await startGround(stack, place)
  const tunnel = await startTunnel(stack, ground)
  const ssh = await startSsh(ground)
  return { ground, direct: ground.direct, tunnel, ssh, all: [ground.direct, tunnel, ssh] }
}

/** Our way alone, behind a link: for what compares with nothing. */
export const startTunnelBehind = async (
  stack: AsyncDisposableStack,
  link: LinkOptions,
): Promise<{ readonly ground: Ground; readonly tunnel: TunnelPath }> => {
  const ground = await startGround(stack, await behind(stack, link))
  return { ground, tunnel: await startTunnel(stack, ground) }
}

const behind = async (stack: AsyncDisposableStack, options: LinkOptions): Promise<Place> => {
  const link = await createLink(options)
  stack.defer(() => link.stop())
  return link
}
