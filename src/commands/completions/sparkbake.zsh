#compdef sparkbake
# source <(sparkbake completions zsh)
_sparkbake() {
    local -a found
    found=("${(@f)$(sparkbake completions zsh -- "${(@)words[1,CURRENT]}" 2>/dev/null)}")
    [[ -n ${found[1]} ]] || { _files; return }
    if [[ ${found[1]} == *= ]]; then compadd -Q -S '' -a found; else compadd -a found; fi
}
compdef _sparkbake sparkbake
