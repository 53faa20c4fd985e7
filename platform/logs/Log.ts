import { namesSecret, redact } from "./redact.ts"

export const levels = ["debug", "info", "warn", "error"] as const
export type Level = (typeof levels)[number]
export type Fields = Readonly<Record<string, unknown>>
/** Flat, so that nothing comes along inside of something else. */
export type AuditFields = Readonly<Record<string, string | number | boolean>>

/** Logging from code that does not run in Effect, as socket callbacks. Effect's own log functions end in the same lines. */
export interface Log {
  readonly debug: (message: string, fields?: Fields) => void
  readonly info: (message: string, fields?: Fields) => void
  readonly warn: (message: string, fields?: Fields) => void
  readonly error: (message: string, fields?: Fields) => void
  /**
   * Writes a line `audit` of exactly these fields, whatever the level. Values stand as they are: a name that looks like a
   * credential is still a name. Who calls it knows each field and that none holds a secret.
   */
  readonly audit: (fields: AuditFields) => void
  /** The same log with fields that every line carries. */
  readonly with: (fields: Fields) => Log
}

export interface LogOptions {
  /** The words of the vocabulary: relay, agent, auth proxy, proxy, operator. */
  readonly program: string
  readonly level?: Level
  /** `text` is for a person at a terminal; only the client chooses it. */
  readonly format?: "json" | "text"
  readonly write?: (line: string) => void
  readonly now?: () => Date
}

/** A stack or a quoted answer beyond this is cut: one line must not fill a disk. */
const MAX_VALUE_CHARACTERS = 8192
const MAX_DEPTH = 6

export function makeLog(options: LogOptions, bound: Fields = {}): Log {
  const line =
    (level: Level) =>
    (message: string, fields: Fields = {}) =>
      writeLine(options, level, message, { ...bound, ...fields })
  return {
    debug: line("debug"),
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
    audit: (fields) => writeJson(options, "info", "audit", fields),
    with: (fields) => makeLog(options, { ...bound, ...fields }),
  }
}

/** Writes one line, unless the level is below the configured one. Never throws: a log line is no reason to end a program. */
export function writeLine(options: LogOptions, level: Level, message: string, fields: Fields): void {
  if (levels.indexOf(level) < levels.indexOf(options.level ?? "info")) return
  const safe = Object.fromEntries(Object.entries(fields).map(([key, value]) => [redact(key), plain(key, value, 0)]))
  const said = plain("", message, 0)
  if (options.format === "text") write(options, text(level, said, safe))
  else writeJson(options, level, said, safe)
}

function writeJson(options: LogOptions, level: Level, message: unknown, fields: Fields): void {
  const time = (options.now?.() ?? new Date()).toISOString()
  // No field can pretend another level or program.
  write(options, JSON.stringify({ time, level, message, program: options.program, ...without(fields) }))
}

function write(options: LogOptions, line: string): void {
  const to = options.write ?? ((text: string) => process.stderr.write(text))
  to(`${line}\n`)
}

const own = new Set(["time", "level", "message", "program"])

function without(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [own.has(key) ? `field.${key}` : key, value]))
}

function text(level: Level, message: unknown, fields: Record<string, unknown>): string {
  const rest = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  )
  // A terminal obeys control characters; what a peer sent must not move its cursor.
  const line = [level === "info" ? "" : `${level}: `, message, ...rest.map((part) => ` ${part}`)].join("")
  return line.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "?")
}

function plain(key: string, value: unknown, depth: number): unknown {
  if (namesSecret(key)) return "[redacted]"
  if (typeof value === "string")
    return redact(value.length > MAX_VALUE_CHARACTERS ? `${value.slice(0, MAX_VALUE_CHARACTERS)}…` : value)
  if (typeof value === "bigint") return value.toString()
  if (typeof value === "function" || typeof value === "symbol") return `[${typeof value}]`
  if (typeof value !== "object" || value === null) return value
  if (depth >= MAX_DEPTH) return "[deeper]"
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "invalid date" : value.toISOString()
  if (value instanceof Error) return plain("", `${value.name}: ${value.message}`, depth)
  if (value instanceof Uint8Array) return `[${value.length} bytes]`
  if (Array.isArray(value)) return value.map((one) => plain("", one, depth + 1))
  if (value instanceof Map) return plain("", Object.fromEntries(value), depth + 1)
  if (value instanceof Set) return plain("", [...value], depth + 1)
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [redact(name), plain(name, inner, depth + 1)]))
}
