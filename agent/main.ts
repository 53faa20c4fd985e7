#!/usr/bin/env bun
import { runProgram } from "../platform/commandLine.ts"
import { checkRuntime } from "../platform/version.ts"
import { program } from "./program.ts"

checkRuntime()
runProgram(program, { name: "clusterconnect-agent", log: "agent", running: ["tunnel", "auth-proxy"] })
