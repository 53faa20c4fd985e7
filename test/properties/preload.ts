/**
 * `bun test` loads this before every test file (bunfig.toml): the same change gets the same random values every time, so that a red run
 * says something about the change. `bun run test:long properties` looks for new counterexamples (docs/decisions/0085).
 */
import fc from "fast-check"

const seed = Number(process.env.CLUSTERCONNECT_PROPERTY_SEED ?? 1)
if (!Number.isInteger(seed)) throw new Error("CLUSTERCONNECT_PROPERTY_SEED is not an integer")
fc.configureGlobal({ seed })
