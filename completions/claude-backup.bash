# Completion of claude-backup for bash: asks the program what may come next.
_claude_backup() {
    local program=${1/#\~/$HOME} lines kind='' line
    COMPREPLY=()
    lines=$("$program" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" "${2//\\/}" 2>/dev/null) || return 0
    while IFS= read -r line; do
        if [[ -z $kind ]]; then
            kind=$line
        else
            COMPREPLY+=("$(printf '%q' "${line%%$'\t'*}")")
        fi
    done <<<"$lines"
    if [[ $kind == files ]]; then
        compopt -o default 2>/dev/null || COMPREPLY=($(compgen -f -- "$2"))
    fi
}

if ((BASH_VERSINFO[0] > 4 || BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4)); then
    complete -o nosort -F _claude_backup claude-backup
else
    complete -F _claude_backup claude-backup
fi
