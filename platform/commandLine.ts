/** What every program does with its command line: help with examples, one line for a wrong one, the end of the process. */
export {
  type ArgumentPage,
  type CommandPage,
  type Described,
  described,
  type Example,
  type OptionPage,
} from "./commandLine/CommandPage.ts"
export { defaultsTo } from "./commandLine/defaultsTo.ts"
export { type Line, pageOf, pagesBelow, type Root, readLine } from "./commandLine/pages.ts"
export { printVersion } from "./commandLine/printVersion.ts"
export { type Reading, readWords } from "./commandLine/readWords.ts"
export { runCommandLine, wrongUsage } from "./commandLine/runCommandLine.ts"
export { runProgram } from "./commandLine/runProgram.ts"
