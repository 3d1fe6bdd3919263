# Completion of claude-backup for fish: asks the program what may come next.
function __claude_backup_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l program (string replace --regex '^~/' "$HOME/" -- $words[1])
    set -l lines ($program __complete -- $words[2..] "$current" 2>/dev/null)
    if test "$lines[1]" = files
        __fish_complete_path "$current"
    else
        string join \n -- $lines[2..]
    end
end

complete --command claude-backup --no-files --keep-order --arguments '(__claude_backup_complete)'
