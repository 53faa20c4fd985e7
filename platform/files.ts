/** Files that survive crashes and are shared between processes. */
export { DirectoryNotPrivate, makePrivateDirectory, writeFileAtomic } from "./files/atomicWrite.ts"
export { FileLock, LOCK_TIMEOUT_MILLIS, LockBusy, withFileLock } from "./files/FileLock.ts"
export { type WatchedFiles, watchFiles } from "./files/watchFiles.ts"
