import { expect, test } from "bun:test"
import { allowedImports, importsOf, violation, violations } from "./importRules.ts"
import { root, sourceFiles } from "./project.ts"

test("no file imports a folder that the architecture keeps from it", () => {
  expect(violations(root, sourceFiles())).toEqual([])
})

test("every product folder with sources has a rule", () => {
  const folders = new Set(sourceFiles().map((file) => file.slice(root.length + 1).split("/")[0]!))
  for (const folder of folders)
    if (folder !== "test" && folder !== "deploy") expect(Object.keys(allowedImports)).toContain(folder)
})

test("a program that imports another program, test code or an owned package is named", () => {
  expect(violation("/p", "/p/relay/main.ts", "../agent/main.ts")).toContain("not agent/")
  expect(violation("/p", "/p/proxy/main.ts", "../test/idp/start.ts")).toContain("not test/")
  expect(violation("/p", "/p/protocol/frame.ts", "../platform/logs.ts")).toContain("nothing local")
  expect(violation("/p", "/p/relay/main.ts", "jose")).toBe("only identity/ may import jose")
  expect(violation("/p", "/p/relay/main.ts", "../protocol/names.ts")).toBeUndefined()
})

test("imports are found in every spelling", () => {
  const source = `import "a"\nimport type { B } from 'b'\nexport * from "c"\nconst d = await import("d")\nimport {\n  e,\n} from "e"\n`
  expect(importsOf(source)).toEqual(["a", "b", "c", "d", "e"])
})
