/** Ends this program as SIGTERM does, with all of its finalizers. An event, because Windows would kill a process that is sent one. */
export const endThisProgram = (): void => {
  process.emit("SIGTERM", "SIGTERM")
}
