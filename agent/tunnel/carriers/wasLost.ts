/**
 * Whether a carrier with this close code was taken away by a network or a process: it ended without a close, or its end has gone (RFC 6455,
 * section 7.4.1). It may be the first news of a broken path, which the control session has not heard yet.
 */
export const wasLost = (code: number): boolean => code === 1001 || code === 1006
