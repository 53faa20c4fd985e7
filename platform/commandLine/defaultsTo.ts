import { Options } from "@effect/cli"

/** What an option is when it is absent; its help says so, last. Library help does not, and flags need none: they are absent. */
export const defaultsTo =
  <const B extends string | number>(value: B) =>
  <A>(option: Options.Options<A>): Options.Options<A | B> =>
    option.pipe(Options.withDescription(`Default: ${value}.`), Options.withDefault(value))
