//! `completions`: a script that teaches a shell our words.

use std::io;

use anyhow::Result;
use clap::Args;
use clap_complete::Shell;
use serde::Serialize;

use crate::cli;
use crate::commands::Context;
use crate::ui::{Page, Report};

/// Scripts that ask the program itself what may come next, and so know sessions and machines.
const SCRIPTS: [(Shell, &str); 3] = [
    (Shell::Bash, include_str!("../../completions/claude-backup.bash")),
    (Shell::Zsh, include_str!("../../completions/claude-backup.zsh")),
    (Shell::Fish, include_str!("../../completions/claude-backup.fish")),
];

/// Where the script goes, for each shell.
const WHERE: &str = "\
Bash, with the package bash-completion:
  mkdir -p ~/.local/share/bash-completion/completions
  claude-backup completions bash > ~/.local/share/bash-completion/completions/claude-backup
Bash without it, at the end of ~/.bashrc:
  source <(claude-backup completions bash)
Zsh, in ~/.zshrc behind `compinit`:
  source <(claude-backup completions zsh)
Zsh, as a file in a folder of $fpath:
  claude-backup completions zsh > \"${fpath[1]}/_claude-backup\"
Fish:
  claude-backup completions fish > ~/.config/fish/completions/claude-backup.fish
PowerShell, at the end of $PROFILE:
  claude-backup completions powershell | Out-String | Invoke-Expression
Elvish, at the end of ~/.config/elvish/rc.elv:
  eval (claude-backup completions elvish | slurp)

Then start a new shell.";

/// Print a completion script for your shell
#[derive(Debug, Args)]
#[command(after_help = WHERE)]
pub struct CompletionsArgs {
    /// The shell that reads it
    shell: Shell,
}

#[derive(Debug, Serialize)]
struct CompletionsReport {
    shell: String,
    script: String,
}

impl CompletionsArgs {
    /// Prints the script.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let ours = SCRIPTS.iter().find(|(shell, _)| *shell == self.shell);
        let script = ours.map_or_else(|| generated(self.shell), |(_, text)| Ok((*text).to_owned()));
        context.ui.emit(&CompletionsReport { shell: self.shell.to_string(), script: script? })
    }
}

/// A script with the commands and flags alone.
fn generated(shell: Shell) -> Result<String> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), cli::NAME, &mut script);
    Ok(String::from_utf8(script)?)
}

impl Report for CompletionsReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        page.verbatim(&self.script)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{json, ran};

    #[test]
    fn every_shell_gets_a_script_in_both_faces() {
        for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
            let human = ran(&["completions", shell]);
            assert_eq!((human.code, human.err.as_str()), (0, ""), "{shell}");
            let object = json(&ran(&["--json", "completions", shell]).out);
            assert_eq!(object["shell"], shell);
            assert_eq!(object["script"].as_str().unwrap(), human.out);
            let asks = human.out.contains(" __complete -- ");
            assert!(
                asks || human.out.contains("completions"),
                "{shell} does not know our commands"
            );
        }
    }

    #[test]
    fn the_help_says_where_each_script_goes() {
        let help = ran(&["completions", "--help"]).out;
        for place in ["~/.bashrc", "~/.zshrc", "$fpath", "~/.config/fish", "$PROFILE", "rc.elv"] {
            assert!(help.contains(place), "{place}: {help}");
        }
    }
}
