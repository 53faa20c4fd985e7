import { expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { projectFiles, root } from "./project.ts"

interface Page {
  readonly path: string
  readonly text: string
}

const withoutBlocks = (markdown: string): string => markdown.replace(/^```[^\n]*\n[\s\S]*?^```/gm, "")

/** Without code, whose brackets are no links. */
const prose = (markdown: string): string => withoutBlocks(markdown).replace(/`[^`\n]*`/g, "code")

const headings = (markdown: string): readonly string[] =>
  [...withoutBlocks(markdown).matchAll(/^#{1,6} (.*)$/gm)].map(([, words = ""]) => anchor(words))

/** As GitHub makes it of a heading. */
const anchor = (words: string): string =>
  words
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .trim()
    .replaceAll(" ", "-")

/** What is wrong with the relative links of a page: `FILE: TARGET, what`. */
const brokenLinks = ({ path, text }: Page): readonly string[] =>
  [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = ""]) => {
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return []
    const [file = "", heading] = target.split("#")
    const named = file === "" ? path : join(dirname(path), file)
    const said = `${relative(root, path)}: ${target}`
    if (file !== "" && !existsSync(named)) return [`${said}, no such file`]
    if (heading === undefined || !named.endsWith(".md")) return []
    return headings(file === "" ? text : readFileSync(named, "utf8")).includes(heading)
      ? []
      : [`${said}, no such heading`]
  })

test("every relative link of a page leads to a file, and to a heading where it names one", () => {
  const pages = projectFiles().filter((path) => path.endsWith(".md"))
  expect(pages.length).toBeGreaterThan(50)
  expect(pages.flatMap((path) => brokenLinks({ path, text: readFileSync(path, "utf8") }))).toEqual([])
})

test("a link to nowhere is named", () => {
  const text =
    "# Here\n\n[a](nowhere.md) [b](README.md) [c](#here) [d](#there) [e](https://example.com/x) `[f](no.md)`\n"
  expect(brokenLinks({ path: join(root, "page.md"), text })).toEqual([
    "page.md: nowhere.md, no such file",
    "page.md: #there, no such heading",
  ])
})
