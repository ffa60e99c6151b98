# source <(sparkbake completions bash)
_sparkbake() {
    local line=${COMP_LINE:0:COMP_POINT} words=() current
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current=${words[-1]}
    mapfile -t COMPREPLY < <(sparkbake completions bash -- "${words[@]}" 2>/dev/null)
    # Bash replaces what stands behind the last of its word breaks; `=` and `:` usually are some.
    local break
    for break in = :; do
        [[ $COMP_WORDBREAKS == *"$break"* && $current == *"$break"* ]] || continue
        COMPREPLY=("${COMPREPLY[@]#"${current%"${current##*"$break"}"}"}")
    done
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace
    return 0
}
complete -o default -o nosort -F _sparkbake sparkbake
