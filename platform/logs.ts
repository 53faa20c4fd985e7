/** Log lines: JSON on stderr, redacted unless they are audit lines. */
export { type AuditFields, type Fields, type Level, type Log, type LogOptions, levels, makeLog } from "./logs/Log.ts"
export { logAt, logLayer } from "./logs/layer.ts"
export { namesSecret, redact } from "./logs/redact.ts"
