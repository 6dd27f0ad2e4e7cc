import type { Shell } from "./shells.ts";

/*
 * The scripts ask the program itself what can come next, so they do not go stale when it is updated.
 */

const bash = `# Completion of pcmc for bash: source <(pcmc completion bash)
_pcmc() {
  local current="\${COMP_WORDS[COMP_CWORD]}" word line directive=""
  local -a words=() lines=()
  # bash splits words at "=": put "--output", "=", "json" together again.
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if ((\${#words[@]} > 0)) && { [[ $word == "=" ]] || [[ \${words[\${#words[@]}-1]} == --*= ]]; }; then
      words[\${#words[@]}-1]+=$word
    else
      words+=("$word")
    fi
  done
  [[ $current == "=" ]] && current=""
  while IFS= read -r line; do lines+=("$line"); done < <("\${COMP_WORDS[0]}" __complete "\${words[@]}" 2>/dev/null)
  COMPREPLY=()
  for line in "\${lines[@]}"; do
    if [[ $line == :* ]]; then directive=\${line#:}; else COMPREPLY+=("\${line%%$'\\t'*}"); fi
  done
  if [[ $directive == 0 ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
  fi
}
complete -F _pcmc pcmc
`;

const zsh = `#compdef pcmc
# Completion of pcmc for zsh: pcmc completion zsh > a folder of fpath/_pcmc, or, after compinit: source <(pcmc completion zsh)
_pcmc() {
  local line value directive
  local -a lines candidates
  lines=("\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $lines; do
    if [[ $line == :* ]]; then directive=\${line#:}; continue; fi
    value=\${line%%$'\\t'*}
    candidates+=("\${value//:/\\\\:}:\${\${line#$value}#$'\\t'}")
  done
  [[ \${words[CURRENT]} == --*=* ]] && compset -P '*='
  (( $#candidates )) && _describe 'pcmc' candidates
  [[ $directive == 0 ]] && _files
}
if [[ \${funcstack[1]} == _pcmc ]]; then _pcmc "$@"; else compdef _pcmc pcmc; fi
`;

const fish = `# Completion of pcmc for fish: pcmc completion fish > ~/.config/fish/completions/pcmc.fish
function __pcmc_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l flag (string match -r -- '^--[^=]*=' $current)
    for line in ($words[1] __complete $words[2..-1] $current 2>/dev/null)
        switch $line
            case ':0'
                for file in (__fish_complete_path (string replace -- "$flag" '' $current))
                    echo "$flag$file"
                end
            case ':*'
            case '*'
                echo "$flag$line"
        end
    end
end
complete -c pcmc -f -a '(__pcmc_complete)'
`;

const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };

/** The script that makes a shell complete `pcmc`. */
export const completionScript = (shell: Shell): string => scripts[shell];
