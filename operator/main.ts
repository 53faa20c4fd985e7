#!/usr/bin/env bun
import { runProgram } from "../platform/commandLine.ts"
import { checkRuntime } from "../platform/version.ts"
import { program } from "./program.ts"

checkRuntime()
// Only what goes on running has a log; `uninstall` answers a person.
runProgram(program, { name: "clusterconnect-operator", logs: process.argv[2] === "uninstall" ? undefined : "operator" })
