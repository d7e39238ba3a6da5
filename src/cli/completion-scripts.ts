/*
 * Each script hands the words before the cursor to `virtdom __complete`, which prints a line for each way to go on, and
 * `:file` where a file name is wanted.
 */

const bash = `# Completion of virtdom for bash: source <(virtdom completion bash)
_virtdom() {
  local line cut
  COMPREPLY=()
  # Readline takes a colon for the end of a word: what stands before it must not be completed again.
  local words=() cword
  if declare -F _get_comp_words_by_ref >/dev/null; then
    local cur prev
    _get_comp_words_by_ref -n := cur prev words cword
  else
    words=("\${COMP_WORDS[@]}") cword=$COMP_CWORD
  fi
  local current="\${words[cword]}"
  while IFS= read -r line; do
    if [ "$line" = :file ]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
    else
      COMPREPLY+=("$line")
    fi
  done < <("\${words[0]}" __complete -- "\${words[@]:1:cword}" 2>/dev/null)
  if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
    cut="\${current%"\${current##*:}"}"
    COMPREPLY=("\${COMPREPLY[@]#"$cut"}")
  fi
}
complete -F _virtdom virtdom
`;

const zsh = `#compdef virtdom
# Completion of virtdom for zsh: virtdom completion zsh > "\${fpath[1]}/_virtdom"
_virtdom() {
  local -a lines
  lines=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if (( \${lines[(Ie):file]} )); then
    _files
  fi
  lines=("\${(@)lines:#:file}")
  lines=("\${(@)lines:#}")
  (( \${#lines} )) && compadd -- "\${(@)lines}"
}
if [ "\${funcstack[1]}" = _virtdom ]; then
  _virtdom "$@"
else
  compdef _virtdom virtdom
fi
`;

const fish = `# Completion of virtdom for fish: virtdom completion fish > ~/.config/fish/completions/virtdom.fish
function __virtdom_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete -- $words[2..-1] 2>/dev/null)
        if test "$line" = :file
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c virtdom -f -a '(__virtdom_complete)'
`;

export const completionScripts = { bash, zsh, fish } as const;
