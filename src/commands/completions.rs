//! `completions`: a script that teaches a shell our words.

use std::io;

use anyhow::Result;
use clap::Args;
use clap_complete::Shell;
use serde::Serialize;

use crate::cli;
use crate::commands::Context;
use crate::ui::{Page, Report};

/// Print a completion script for your shell
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell that will read it
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
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut cli::command(), cli::NAME, &mut script);
        let script = String::from_utf8(script)?;
        context.ui.emit(&CompletionsReport { shell: self.shell.to_string(), script })
    }
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
            assert!(human.out.contains("completions"), "{shell} does not know our commands");
        }
    }
}
