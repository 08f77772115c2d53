/** Completion for shells. Each script asks `laminix complete` what there is for the words so far. */

/** `bash` 3.2 and later takes `--flag=value` for three words, and replaces the last one. */
const bash = `# Completion of laminix for bash: put it into ~/.local/share/bash-completion/completions/laminix, or source it.
_laminix() {
  local words=() last=-1 joined= i word value files= cur=\${COMP_WORDS[COMP_CWORD]}
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == = && $last -ge 0 && \${words[last]} == --* ]]; then
      joined="\${words[last]}="
      words[last]=$joined
    elif [[ -n $joined ]]; then
      words[last]+=$word
      [[ $i -lt $COMP_CWORD ]] && joined=
    else
      last=$((last + 1))
      words[last]=$word
    fi
  done
  [[ $cur == = ]] && cur=
  COMPREPLY=()
  while IFS=$'\\t' read -r value _; do
    if [[ $value == :files ]]; then
      files=yes
    else
      COMPREPLY+=("\${value#"$joined"}")
    fi
  done < <(command laminix complete -- "\${words[@]}" 2>/dev/null)
  # What several names have in common is not what was typed: with it among them, it stays.
  if [[ \${#COMPREPLY[@]} -gt 1 && \${COMPREPLY[0]} == /* && $cur != /* ]]; then COMPREPLY+=("$cur"); fi
  if [[ -n $files ]]; then
    while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "$cur")
    type compopt >/dev/null 2>&1 && compopt -o filenames 2>/dev/null
  fi
  return 0
}
complete -F _laminix laminix
`;

const zsh = `#compdef laminix
# Completion of laminix for zsh: put it as _laminix into a folder of $fpath, or source it after compinit.
_laminix() {
  local -a values shown
  local line files
  for line in "\${(@f)$(command laminix complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    case \${line%%$'\\t'*} in
      '') ;;
      :files) files=yes ;;
      *)
        values+=("\${line%%$'\\t'*}")
        shown+=("\${\${line%$'\\t'}//$'\\t'/  -- }")
        ;;
    esac
  done
  (( $#values )) && compadd -U -l -d shown -a values
  if [[ -n $files ]]; then
    [[ $words[CURRENT] == --*=* ]] && compset -P '*='
    _files
  fi
  return 0
}
if [[ $funcstack[1] == _laminix ]]; then
  _laminix "$@"
else
  compdef _laminix laminix
fi
`;

const fish = `# Completion of laminix for fish: put it into ~/.config/fish/completions/laminix.fish.
function __laminix_complete
    set -l words (commandline -opc) (commandline -ct)
    set -e words[1]
    for line in (command laminix complete -- $words 2>/dev/null)
        if string match -q ':files*' -- $line
            set -l flag (string match -r -- '^--[^=]+=' $words[-1])
            set -l text (string replace -r -- '^--[^=]+=' '' $words[-1])
            __fish_complete_path $text | string replace -r -- '^' "$flag"
        else
            echo $line
        end
    end
end
complete -c laminix -f -a '(__laminix_complete)'
`;

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };
