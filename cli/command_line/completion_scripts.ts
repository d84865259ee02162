/**
 * The scripts that make shells complete the program's words. They ask the program itself, by `dovewire
 * complete`, and pass it the words as they are: nothing that was typed is evaluated.
 *
 * @module
 */

import { shells } from "./subcommands.ts";
import { UsageError } from "./usage_error.ts";

type Shell = (typeof shells)[number];

/** For each shell. The program prints a word and its meaning on each line, with a tab between them. */
const scripts: Readonly<Record<Shell, string>> = {
  bash: `\
# Completions of dovewire for bash: source <(dovewire completion bash)
_dovewire() {
  local IFS=$'\\n' cur=\${COMP_WORDS[COMP_CWORD]} line
  COMPREPLY=()
  while IFS=$'\\t' read -r line _; do
    COMPREPLY+=("$line")
  done < <(dovewire complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  [[ \${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o default -F _dovewire dovewire
`,
  zsh: `\
#compdef dovewire
# Completions of dovewire for zsh: source <(dovewire completion zsh)
_dovewire() {
  local -a found
  local word summary
  while IFS=$'\\t' read -r word summary; do
    found+=("\${word//:/\\\\:}:$summary")
  done < <(dovewire complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( $#found )); then _describe dovewire found; else _files; fi
}
if [ "$funcstack[1]" = _dovewire ]; then _dovewire; else compdef _dovewire dovewire; fi
`,
  fish: `\
# Completions of dovewire for fish: dovewire completion fish | source
function __dovewire_complete
  set -l words (commandline -opc) (commandline -ct)
  dovewire complete -- $words[2..-1] 2>/dev/null
end
complete -c dovewire -f -a '(__dovewire_complete)'
complete -c dovewire -F -n 'test -z "$(__dovewire_complete)"'
`,
};

/** The script for a shell; throws a `UsageError` for any other. */
export function completionScript(args: readonly string[]): string {
  const [shell] = args;
  if (args.length === 1 && Object.hasOwn(scripts, shell)) return scripts[shell as Shell];
  throw new UsageError(`"dovewire completion" needs a shell: ${shells.join(", ")}.`);
}
