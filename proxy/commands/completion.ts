import { Args, Command } from "@effect/cli"
import { described } from "../../platform/commandLine.ts"
import { type Shell, scripts, shells } from "../completion/scripts.ts"
import { attempt, writeOut } from "./originOptions.ts"

const shell = Args.choice(
  shells.map((name): [string, Shell] => [name, name]),
  { name: "SHELL" },
).pipe(Args.withDescription("bash, zsh, fish or powershell."))

/** `clusterconnect completion SHELL`: prints the script with which a shell completes our command line. */
export const completion = Command.make("completion", { shell }, (given) =>
  attempt(() => writeOut(scripts[given.shell])),
).pipe(
  Command.withDescription(
    described("Print a script that completes commands, options, clusters and profiles in a shell.", {
      examples: [
        [
          "clusterconnect completion bash > ~/.local/share/bash-completion/completions/clusterconnect",
          'bash, with the package bash-completion. Without it: eval "$(clusterconnect completion bash)" in ~/.bashrc.',
        ],
        [
          "clusterconnect completion zsh > ~/.zfunc/_clusterconnect",
          "zsh, with fpath+=~/.zfunc before compinit in ~/.zshrc.",
        ],
        ["clusterconnect completion fish > ~/.config/fish/completions/clusterconnect.fish", "fish."],
        ["clusterconnect completion powershell >> $PROFILE", "PowerShell."],
      ],
    }),
  ),
)
