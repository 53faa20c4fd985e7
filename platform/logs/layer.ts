import { Cause, Effect, HashMap, Layer, List, Logger, LogLevel } from "effect"
import { type Fields, type Level, type LogOptions, writeLine } from "./Log.ts"

/**
 * Effect's log functions write the lines of {@link writeLine} to stderr: time, level, message, program, annotations, and a
 * cause as `error`. Nothing of a program may write logs elsewhere: stdout belongs to what was asked for.
 */
export function logLayer(options: LogOptions): Layer.Layer<never> {
  const logger = Logger.make<unknown, void>(({ message, logLevel, annotations, spans, cause, date }) => {
    const parts = Array.isArray(message) ? message : [message]
    const words = parts.filter((part) => typeof part !== "object" || part === null).map(String)
    const fields = parts.filter((part): part is object => typeof part === "object" && part !== null)
    const merged: Record<string, unknown> = {}
    for (const part of fields) Object.assign(merged, part instanceof Error ? { error: part } : part)
    for (const [key, value] of HashMap.toEntries(annotations)) merged[key] = value
    const path = List.toArray(spans).map((span) => span.label)
    if (path.length > 0) merged.span = path.reverse().join(".")
    if (!Cause.isEmpty(cause)) merged.error = Cause.pretty(cause, { renderErrorCause: true })
    writeLine({ ...options, now: options.now ?? (() => date) }, levelOf(logLevel), words.join(" "), merged as Fields)
  })
  return Layer.merge(
    Logger.replace(Logger.defaultLogger, logger),
    Logger.minimumLogLevel(effectLevel[options.level ?? "info"]),
  )
}

/** Logs at a level and fields that are only known at run time. */
export const logAt = (level: Level, message: string, fields: Fields = {}): Effect.Effect<void> =>
  Effect.logWithLevel(effectLevel[level], message).pipe(Effect.annotateLogs(fields))

const effectLevel = {
  debug: LogLevel.Debug,
  info: LogLevel.Info,
  warn: LogLevel.Warning,
  error: LogLevel.Error,
} as const

function levelOf(level: LogLevel.LogLevel): Level {
  if (LogLevel.greaterThanEqual(level, LogLevel.Error)) return "error"
  if (LogLevel.greaterThanEqual(level, LogLevel.Warning)) return "warn"
  return LogLevel.greaterThanEqual(level, LogLevel.Info) ? "info" : "debug"
}
