#compdef claude-backup
# Completion of claude-backup for zsh: asks the program what may come next.
_claude_backup() {
    local line word kind
    local -a lines described
    lines=("${(@f)$("${(Q)words[1]/#\~/$HOME}" __complete -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    kind=${lines[1]-}
    if [[ $kind == files ]]; then
        _files
        return
    fi
    for line in "${(@)lines[2,-1]}"; do
        word=${line%%$'\t'*}
        described+=("${word//:/\\:}:${line#*$'\t'}")
    done
    _describe -V 'claude-backup' described
}

if [[ ${funcstack[1]-} == _claude_backup ]]; then
    _claude_backup "$@"
else
    compdef _claude_backup claude-backup
fi
