//! The command line: global flags, the list of commands, and the one `match` that runs them.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::Context;
use crate::commands::completions::CompletionsArgs;
use crate::commands::init::InitArgs;
use crate::commands::man::ManArgs;
use crate::commands::peek::PeekArgs;
use crate::commands::restore::RestoreArgs;
use crate::commands::status::StatusArgs;
use crate::commands::sync::SyncArgs;
use crate::commands::version::VersionReport;
use crate::commands::versions::VersionsArgs;
use crate::env::Env;
use crate::error::kind;
use crate::repository::Repository;
use crate::ui::{Colour, ColourWish, Format, Manner, Streams, Talk, Ui, write_error};

mod help;
mod usage;

/// The name that is typed.
pub const NAME: &str = "claude-backup";

/// Keeps every Claude Code session: versioned, deduplicated, restorable byte for byte
#[derive(Debug, Parser)]
#[command(name = NAME, disable_version_flag = true, subcommand_required = false)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The commands; `help.rs` decides where each stands in the help.
#[derive(Debug, Subcommand)]
enum Command {
    Init(InitArgs),
    Sync(SyncArgs),
    Status(StatusArgs),
    Restore(Box<RestoreArgs>),
    Versions(VersionsArgs),
    Peek(PeekArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

impl Command {
    fn run(self, context: &mut Context<'_>) -> Result<u8> {
        match self {
            Self::Init(args) => args.run(context),
            Self::Sync(args) => args.run(context),
            Self::Status(args) => args.run(context),
            Self::Restore(args) => args.run(context),
            Self::Versions(args) => args.run(context),
            Self::Peek(args) => args.run(context),
            Self::Completions(args) => args.run(context),
            Self::Man(args) => args.run(context),
        }
    }
}

/// The flags that every command knows, before or after its name.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
struct GlobalArgs {
    /// Print one line of JSON and nothing else
    #[arg(long, global = true)]
    json: bool,
    /// Say only what went wrong
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say every step
    #[arg(long, global = true)]
    verbose: bool,
    /// When to use colour
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true
    )]
    color: ColourWish,
    /// Where the backup is [CLAUDE_BACKUP_DIR; else ~/.claude-backup]
    #[arg(long, global = true, value_name = "PATH")]
    backup_dir: Option<PathBuf>,
    /// What is backed up [CLAUDE_CONFIG_DIR; else ~/.claude]
    #[arg(long, global = true, value_name = "PATH")]
    claude_dir: Option<PathBuf>,
    /// Print the version
    #[arg(long, short = 'V', short_alias = 'v')]
    version: bool,
}

/// Runs one call and gives its exit code; `arguments` start after the program's name.
pub fn run<'a>(arguments: &[OsString], env: &'a Env, streams: Streams<'a>) -> u8 {
    match parse(arguments, env) {
        Ok(cli) => {
            let (backup_dir, claude_dir) = (cli.global.backup_dir(env), cli.global.claude_dir(env));
            let ui = Ui::new(env, streams, cli.global.manner());
            cli.run(&mut Context { env, backup_dir, claude_dir, ui })
        }
        Err(answer) => {
            let ui = &mut Ui::new(env, streams, usage::manner(arguments));
            usage::answer(&answer, ui).unwrap_or_else(|error| end_with(&error, ui))
        }
    }
}

/// Tells what went wrong before anything was known about the machine.
pub(crate) fn fail_without_env(
    arguments: &[OsString],
    err: &mut dyn Write,
    error: &anyhow::Error,
) -> u8 {
    write_error(err, usage::manner(arguments).format, Colour::Never, error);
    kind(error).exit_code()
}

/// The command line as clap knows it: for help, completions and manuals.
pub(crate) fn command() -> clap::Command {
    Cli::command().bin_name(NAME).no_binary_name(true)
}

/// Whether these words are a call that would run; nothing is run.
///
/// # Errors
/// What is wrong with them, in clap's words.
pub fn check(words: &[String]) -> Result<(), String> {
    command().try_get_matches_from(words).map(drop).map_err(|error| error.to_string())
}

fn parse(arguments: &[OsString], env: &Env) -> Result<Cli, clap::Error> {
    let mut command = help::arranged(command(), env);
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

impl Cli {
    fn run(self, context: &mut Context<'_>) -> u8 {
        let done = match self.command {
            _ if self.global.version => context.ui.emit(&VersionReport::new()),
            Some(command) => command.run(context),
            None => without_command(context),
        };
        done.unwrap_or_else(|error| end_with(&error, &mut context.ui))
    }
}

/// What a bare `claude-backup` does: the help until there is a backup, then its status.
fn without_command(context: &mut Context<'_>) -> Result<u8> {
    if Repository::find(&context.backup_dir, context.env)?.is_some() {
        return StatusArgs::default().run(context);
    }
    let help = usage::HelpReport::new(&help::arranged(command(), context.env).render_help());
    context.ui.emit(&help)
}

/// Shows why a command ended early and gives the exit code.
fn end_with(error: &anyhow::Error, ui: &mut Ui<'_>) -> u8 {
    // The reader of the result has left; there is nobody to miss the rest.
    if ui.output_closed() && is_broken_pipe(error) {
        return 0;
    }
    ui.error(error);
    kind(error).exit_code()
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io_errors = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    io_errors.into_iter().any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

impl GlobalArgs {
    fn manner(&self) -> Manner {
        let talk = match (self.quiet, self.verbose) {
            (true, _) => Talk::Quiet,
            (false, true) => Talk::Verbose,
            (false, false) => Talk::Normal,
        };
        let format = if self.json { Format::Json } else { Format::Human };
        Manner { format, talk, colour: self.color }
    }

    fn backup_dir(&self, env: &Env) -> PathBuf {
        let named = self.backup_dir.as_deref();
        let named = named.or_else(|| env.variable("CLAUDE_BACKUP_DIR").map(Path::new));
        named.map_or_else(|| env.home.join(".claude-backup"), |path| env.absolute(path))
    }

    fn claude_dir(&self, env: &Env) -> Option<PathBuf> {
        self.claude_dir.as_deref().map(|path| env.absolute(path))
    }
}
