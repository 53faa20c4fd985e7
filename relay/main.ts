#!/usr/bin/env bun
import { runProgram } from "../platform/commandLine.ts"
import { checkRuntime } from "../platform/version.ts"
import { program } from "./program.ts"

checkRuntime()
// Only what goes on running has a log; the other commands answer a person.
runProgram(program, { name: "clusterconnect-relay", logs: process.argv[2] === "serve" ? "relay" : undefined })
