/** Shells that completion is for. */
export const shells = ["bash", "zsh", "fish", "powershell"] as const
export type Shell = (typeof shells)[number]

/** `clusterconnect COMPLETE =CURRENT WORD…`: what the scripts ask. */
export const completeCommand = "__complete"

/*
 * What a person has typed is only ever passed on as words of their own: never evaluated, never joined to a command. The word at the
 * cursor has a sign before it, because Windows PowerShell drops an empty word.
 */

/** For bash 3.2 (macOS) and later, without bash-completion. Readline ends words at = and :, where ours go on. */
const bash = `# bash completion of clusterconnect
_clusterconnect() {
  local words=() current='' previous='' word value line i
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ \${#words[@]} -gt 0 && ( $word =~ ^[=:]+$ || $previous =~ ^[=:]+$ ) ]]; then
      words[\${#words[@]}-1]+=$word
    else
      words+=("$word")
    fi
    previous=$word
  done
  current=\${words[\${#words[@]}-1]}
  unset "words[\${#words[@]}-1]"
  [[ $word =~ ^[=:]+$ ]] && word=
  local before=\${current%"$word"} out
  out=$("\${COMP_WORDS[0]}" ${completeCommand} "=$current" \${words[@]+"\${words[@]}"} 2>/dev/null </dev/null)
  COMPREPLY=()
  if [[ $out == :files ]]; then
    compopt -o filenames 2>/dev/null
    out=$(compgen -f -- "$word")
    before=
  fi
  while IFS= read -r line; do
    value=\${line%%$'\\t'*}
    [[ -n $value ]] && COMPREPLY+=("\${value#"$before"}")
  done <<< "$out"
}
complete -F _clusterconnect clusterconnect
`

const zsh = `#compdef clusterconnect
_clusterconnect() {
  local -a lines values
  local line
  lines=("\${(@f)$("\${words[1]}" ${completeCommand} "=\${(Q)words[CURRENT]}" "\${(@Q)words[2,CURRENT-1]}" 2>/dev/null </dev/null)}")
  if [[ $lines[1] == :files ]]; then
    [[ $PREFIX == --*=* ]] && compset -P '*='
    _files
    return
  fi
  for line in $lines; do
    values+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe -t values 'clusterconnect' values
}
if [[ $funcstack[1] == _clusterconnect ]]; then
  _clusterconnect "$@"
else
  compdef _clusterconnect clusterconnect
fi
`

const fish = `# fish completion of clusterconnect
function __clusterconnect_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines ($words[1] ${completeCommand} "=$current" $words[2..-1] 2>/dev/null </dev/null)
    if test "$lines[1]" = ":files"
        set -l before (string match -r -- '^--[^=]*=' "$current")
        for path in (__fish_complete_path (string replace -r -- '^--[^=]*=' '' "$current"))
            echo "$before$path"
        end
        return
    end
    printf '%s\\n' $lines
end
complete -c clusterconnect -f -a '(__clusterconnect_complete)'
`

const powershell = `# PowerShell completion of clusterconnect
Register-ArgumentCompleter -Native -CommandName clusterconnect, clusterconnect.exe -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $elements = $commandAst.CommandElements
    $before = @($elements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.Extent.Text })
    $lines = @(& $elements[0].Extent.Text ${completeCommand} "=$wordToComplete" @before 2>$null)
    if ($lines[0] -eq ':files') {
        return [System.Management.Automation.CompletionCompleters]::CompleteFilename($wordToComplete)
    }
    $lines | Where-Object { $_ } | ForEach-Object {
        $value, $about = $_ -split "\`t", 2
        if (-not $about) { $about = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $about)
    }
}
`

/** What a shell reads at its start to complete the command line of `clusterconnect`. */
export const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish, powershell }
