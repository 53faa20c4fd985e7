/** A year without anybody to renew it, and a month more, expires nothing. */
const spareDays = 400

/** How long a leaf is good that is replaced after `rotationDays`. */
export const leafDays = (rotationDays: number): number => rotationDays + spareDays

/** Clients fetch new roots by themselves; a root's life bounds only how long nobody may look after it. */
export const rootDays = 3_653

/** A root is replaced when it could not outlive another leaf by this. */
export const rootReserveDays = spareDays
