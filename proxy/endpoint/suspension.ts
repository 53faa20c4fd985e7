import type { EndToEndConnection } from "../connections/EndToEndConnection.ts"

/**
 * How long a written request without an answer waits for its stream to come back, counted from the last sign of life: so much
 * that the honest answer is there within the 10 s that are promised.
 */
const answerWithinMillis = 9_500

export interface Suspension {
  readonly stop: () => void
}

/** Calls back once if the connection's stream is suspended for so long that an honest answer is due. */
export const watchSuspension = (
  connection: Pick<EndToEndConnection, "attached" | "lastHeardMillis" | "onSuspended">,
  overdue: () => void,
  after: (millis: number, body: () => void) => () => void = unrefTimer,
): Suspension => {
  const began = performance.now()
  let cancel: (() => void) | undefined
  const arm = () => {
    cancel?.()
    const due = Math.max(connection.lastHeardMillis, began) + answerWithinMillis
    cancel = after(Math.max(due - performance.now(), 0), () => {
      cancel = undefined
      // It came back meanwhile; the next suspension arms anew.
      if (!connection.attached) overdue()
    })
  }
  const unlisten = connection.onSuspended(arm)
  if (!connection.attached) arm()
  return {
    stop: () => {
      cancel?.()
      unlisten()
    },
  }
}

const unrefTimer = (millis: number, body: () => void) => {
  const timer = setTimeout(body, millis)
  timer.unref()
  return () => clearTimeout(timer)
}
