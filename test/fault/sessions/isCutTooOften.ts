export interface Copies {
  readonly all: number
  readonly cutInCluster: number
}

/** A run has three to a dozen copies: what is between two shares that differ by less may be chance. */
const margin = 0.25

/**
 * What the cluster cuts short beside us shows how much of what it cuts behind us can be its own doing: something of ours that brings copies to
 * that moment more often would leave the same traces. One copy alone is never too often.
 */
export const isCutTooOften = (ours: Copies, control: Copies): boolean =>
  ours.cutInCluster > 1 && share(ours) > share(control) + margin

const share = ({ all, cutInCluster }: Copies): number => (all === 0 ? 0 : cutInCluster / all)
