import { createHash } from "node:crypto"
import type { GoModule } from "./modules.ts"

/** All that decides what a module's programs are. */
export interface BuildInputs {
  readonly goMod: string
  readonly goSum: string
  /** `go env GOVERSION GOOS GOARCH`. */
  readonly toolchain: string
  readonly module: Pick<GoModule, "ldflags" | "programs">
}

/** Hexadecimal, 16 characters: equal when and only when the same programs would be built. */
export function contentKey(inputs: BuildInputs): string {
  const programs = inputs.module.programs.map(({ name, package: path, environment, tags }) => ({
    name,
    path,
    environment,
    tags,
  }))
  return createHash("sha256")
    .update(JSON.stringify([inputs.goMod, inputs.goSum, inputs.toolchain, inputs.module.ldflags, programs, goFlags]))
    .digest("hex")
    .slice(0, 16)
}

/** The checkout's go.sum is the truth: nothing may be added to it by a build. */
export const goFlags = "-buildvcs=false -mod=readonly"
