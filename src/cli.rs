//! The command line: global flags, the list of commands, and the one `match` that runs them.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::error::ErrorKind as ClapErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::Context;
use crate::commands::backend::BackendArgs;
use crate::commands::complete::CompleteArgs;
use crate::commands::completions::CompletionsArgs;
use crate::commands::export_config::ExportConfigArgs;
use crate::commands::import_config::ImportConfigArgs;
use crate::commands::init::InitArgs;
use crate::commands::machines::MachinesArgs;
use crate::commands::man::ManArgs;
use crate::commands::peek::PeekArgs;
use crate::commands::restore::RestoreArgs;
use crate::commands::schedule::ScheduleArgs;
use crate::commands::secrets::SecretsArgs;
use crate::commands::status::StatusArgs;
use crate::commands::sync::SyncArgs;
use crate::commands::uninstall::UninstallArgs;
use crate::commands::verify::VerifyArgs;
use crate::commands::version::VersionReport;
use crate::commands::versions::VersionsArgs;
use crate::env::Env;
use crate::error::kind;
use crate::repository::Repository;
use crate::ui::{Answer, Colour, ColourWish, Format, Manner, Streams, Talk, Ui, write_error};

mod help;
mod near_misses;
mod usage;

/// The name that is typed.
pub const NAME: &str = "claude-backup";

/// Keeps every Claude Code session: versioned, deduplicated, restorable byte for byte
#[derive(Debug, Parser)]
#[command(name = NAME, disable_version_flag = true, subcommand_required = false)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    // Before a command only: after one, `--version` may choose a version of a session.
    /// Print the version
    #[arg(long, short = 'V')]
    version: bool,
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
    Verify(VerifyArgs),
    Backend(BackendArgs),
    Machines(MachinesArgs),
    Schedule(ScheduleArgs),
    Secrets(SecretsArgs),
    ExportConfig(ExportConfigArgs),
    ImportConfig(ImportConfigArgs),
    Uninstall(UninstallArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
    #[command(name = "__complete", hide = true)]
    Complete(CompleteArgs),
}

impl Command {
    /// Prints the folders that the command works on, if it works on any.
    fn tell_of_folders(&self, context: &Context<'_>) {
        if !matches!(self, Self::Completions(_) | Self::Man(_) | Self::Complete(_)) {
            context.ui.step(format_args!("backup folder: {}", context.backup_dir.display()));
        }
    }

    fn run(self, context: &mut Context<'_>) -> Result<u8> {
        match self {
            Self::Init(args) => args.run(context),
            Self::Sync(args) => args.run(context),
            Self::Status(args) => args.run(context),
            Self::Restore(args) => args.run(context),
            Self::Versions(args) => args.run(context),
            Self::Peek(args) => args.run(context),
            Self::Verify(args) => args.run(context),
            Self::Backend(args) => args.run(context),
            Self::Machines(args) => args.run(context),
            Self::Schedule(args) => args.run(context),
            Self::Secrets(args) => args.run(context),
            Self::ExportConfig(args) => args.run(context),
            Self::ImportConfig(args) => args.run(context),
            Self::Uninstall(args) => args.run(context),
            Self::Completions(args) => args.run(context),
            Self::Man(args) => args.run(context),
            Self::Complete(args) => args.run(context),
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
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Print each step
    #[arg(long, short, global = true)]
    verbose: bool,
    /// Use colour: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    color: ColourWish,
    /// Where the backup is [CLAUDE_BACKUP_DIR; else ~/.claude-backup]
    #[arg(long, global = true, value_name = "PATH")]
    backup_dir: Option<PathBuf>,
    /// What is backed up [CLAUDE_CONFIG_DIR; else ~/.claude]
    #[arg(long, global = true, value_name = "PATH")]
    claude_dir: Option<PathBuf>,
}

/// Runs one call and gives its exit code; `arguments` start after the program's name.
pub fn run<'a>(arguments: &[OsString], env: &'a Env, streams: Streams<'a>) -> u8 {
    match parse(arguments, env) {
        Ok(cli) => {
            let mut ui = Ui::new(env, streams, cli.global.manner());
            match cli.global.folders(env) {
                Ok((backup_dir, claude_dir)) => {
                    cli.run(&mut Context { env, backup_dir, claude_dir, ui })
                }
                Err(error) => end_with(&error, &mut ui),
            }
        }
        Err(answer) => {
            let ui = &mut Ui::new(env, streams, usage::manner(arguments));
            usage::answer(&answer, arguments, ui).unwrap_or_else(|error| end_with(&error, ui))
        }
    }
}

/// Tells what went wrong before anything was known about the machine.
pub(crate) fn fail_without_env(
    arguments: &[OsString],
    err: &mut dyn Write,
    error: &anyhow::Error,
) -> u8 {
    write_error(err, usage::manner(arguments).format, Colour::Never, None, error);
    kind(error).exit_code()
}

/// The command line as clap knows it: for help, completions and manuals.
pub(crate) fn command() -> clap::Command {
    Cli::command().bin_name(NAME).no_binary_name(true).args_override_self(true)
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
    let matches = command.try_get_matches_from_mut(usage::without_flags_of_help(arguments))?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    // The parser sees no conflict between a flag before the command and one after it.
    if cli.global.quiet && cli.global.verbose {
        let conflict = "`--quiet` and `--verbose` contradict each other";
        return Err(command.error(ClapErrorKind::ArgumentConflict, conflict));
    }
    Ok(cli)
}

impl Cli {
    fn run(self, context: &mut Context<'_>) -> u8 {
        let done = match self.command {
            _ if self.version => context.ui.emit(&VersionReport::new()),
            Some(command) => {
                command.tell_of_folders(context);
                command.run(context)
            }
            None => without_command(context),
        };
        done.unwrap_or_else(|error| end_with(&error, &mut context.ui))
    }
}

/// What a bare `claude-backup` does: the help until there is a backup, with the offer to start one
/// where somebody can answer; then its status.
fn without_command(context: &mut Context<'_>) -> Result<u8> {
    if Repository::find(&context.backup_dir, context.env)?.is_some() {
        return StatusArgs::default().run(context);
    }
    let help = usage::HelpReport::new(&help::arranged(command(), context.env).render_help());
    let code = context.ui.emit(&help)?;
    match context.ui.ask("Start backing up this machine now?", Answer::Yes) {
        Some(Answer::Yes) => InitArgs::default().run(context),
        Some(Answer::No) | None => Ok(code),
    }
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

    /// Where the backup is, and what `--claude-dir` names.
    fn folders(&self, env: &Env) -> Result<(PathBuf, Option<PathBuf>)> {
        let claude_dir = self.claude_dir.as_deref().map(|path| env.absolute(path)).transpose()?;
        if claude_dir.is_none() {
            let homes = env.variable("CLAUDE_CONFIG_DIR").unwrap_or_default().to_string_lossy();
            let mut homes = homes.split(',').map(str::trim).filter(|home| !home.is_empty());
            homes.try_for_each(|home| env.absolute(Path::new(home)).map(drop))?;
        }
        Ok((self.backup_dir(env)?, claude_dir))
    }

    fn backup_dir(&self, env: &Env) -> Result<PathBuf> {
        let named = self.backup_dir.as_deref();
        let named = named.or_else(|| env.variable("CLAUDE_BACKUP_DIR").map(Path::new));
        named.map_or_else(|| Ok(env.home.join(".claude-backup")), |path| env.absolute(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorKind, Failure};
    use crate::testing::{LeavingReader, json, ran, ran_into, ran_on, sandbox, with_ui};

    fn names() -> Vec<String> {
        let command = command();
        let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
        shown.map(|command| command.get_name().to_owned()).collect()
    }

    fn on_terminal(width: u16) -> (tempfile::TempDir, Env) {
        let (home, mut env) = sandbox();
        env.terminal.stdout = true;
        env.terminal.width = Some(width);
        (home, env)
    }

    #[test]
    fn the_version_has_two_faces_and_every_spelling() {
        for words in [&["--version"][..], &["-V"], &["--version", "man"]] {
            assert_eq!(ran(words).out, "claude-backup 4.0.0\n", "{words:?}");
        }
        for words in
            [&["--version", "--json"][..], &["--json", "--json", "-V"], &["-V", "man", "--json"]]
        {
            let ran = ran(words);
            assert_eq!(ran.out, "{\"ok\":true,\"version\":\"4.0.0\"}\n", "{words:?}");
            assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        }
    }

    #[test]
    fn the_help_names_every_command_once_and_where_to_begin() {
        let help = ran(&["--help"]);
        assert_eq!((help.code, help.err.as_str()), (0, ""));
        for name in names() {
            let lines = help.out.lines().filter(|line| line.starts_with(&format!("  {name} ")));
            assert_eq!(lines.count(), 1, "{name}");
        }
        let end = "\nFirst time?      claude-backup init\n\
                   Lost a session?  claude-backup restore\n";
        assert!(help.out.ends_with(end), "{}", help.out);
        assert_eq!(ran(&["-h"]), help);
        assert_eq!(json(&ran(&["--help", "--json"]).out)["help"], help.out.as_str());
    }

    #[test]
    fn the_help_of_a_command_runs_nothing() {
        for name in names() {
            let (home, env) = sandbox();
            let help = ran_on(&env, &[&name, "--help"]);
            assert_eq!((help.code, help.err.as_str()), (0, ""), "{name}");
            assert!(help.out.contains(&format!("Usage: claude-backup {name}")), "{}", help.out);
            assert_eq!(fs_err::read_dir(home.path()).unwrap().count(), 0, "{name}");
        }
    }

    #[test]
    fn the_help_fits_every_terminal() {
        // The usage line and a flag with its value stay whole: 42 cells.
        for width in [20, 40, 80, 120] {
            let (_home, env) = on_terminal(width);
            let help = ran_on(&env.with_variable("NO_COLOR", "1"), &["--help"]).out;
            let wide = |line: &&str| crate::ui::text::cells(line) > usize::from(width.max(42));
            assert_eq!(help.lines().find(wide), None);
            assert_eq!(help.lines().find(|line| line.ends_with(' ')), None);
        }
    }

    #[test]
    fn colour_reaches_a_terminal_unless_it_is_refused() {
        let escapes = |env: Env, words: &[&str]| ran_on(&env, words).out.contains('\u{1b}');
        let (_home, env) = on_terminal(80);
        assert!(escapes(env.clone(), &["--help"]));
        assert!(!escapes(env.clone(), &["--help", "--color", "never"]));
        assert!(!escapes(env.clone(), &["--color=never", "help"]));
        assert!(!escapes(env.clone().with_variable("NO_COLOR", "1"), &["--help"]));
        assert!(!escapes(env.with_variable("TERM", "dumb"), &["--help"]));
        let (_home, pipe) = sandbox();
        assert!(!escapes(pipe.clone(), &["--help"]));
        assert!(escapes(pipe.clone(), &["--help", "--color=always"]));
        assert!(escapes(pipe.with_variable("CLICOLOR_FORCE", "1"), &["--help"]));
    }

    #[test]
    fn wrong_words_are_answered_with_the_way_out() {
        for (words, screen) in [
            (
                &["complitions"][..],
                "error: unrecognized subcommand 'complitions'\n\
                 hint: a similar subcommand exists: 'completions'\n",
            ),
            (
                &["completions"],
                "error: the following required arguments were not provided: <SHELL>\n\
                 hint: see `claude-backup completions --help`\n",
            ),
            (
                &["status", "\u{202e}x"],
                "error: unexpected argument '\\u{202e}x' found\n\
                 hint: see `claude-backup status --help`\n",
            ),
            (
                &["--quiet", "man", "--verbose"],
                "error: `--quiet` and `--verbose` contradict each other\n\
                 hint: see `claude-backup man --help`\n",
            ),
        ] {
            let ran = ran(words);
            assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (2, "", screen));
        }
    }

    #[test]
    fn wrong_words_are_one_object_wherever_json_stands() {
        let expected = concat!(
            r#"{"error":"unexpected argument '--qiet' found","code":"usage","#,
            r#""hint":"a similar argument exists: '--quiet'"}"#,
            "\n"
        );
        for words in [["--json", "man", "--qiet"], ["man", "--qiet", "--json"]] {
            let ran = ran(&words);
            assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (2, "", expected));
        }
        let plain = ran(&["man", "x", "--", "--json"]);
        assert!(plain.err.starts_with("error: "), "a word after `--` is no flag: {}", plain.err);
    }

    #[test]
    fn a_reader_that_leaves_is_no_failure() {
        for words in [&["man"][..], &["man", "--json"], &["--help"], &["--version"]] {
            for bytes in [0, 10] {
                assert_eq!(ran_into(&mut LeavingReader(bytes), words), (0, String::new()));
            }
        }
    }

    #[test]
    fn a_broken_pipe_elsewhere_stays_a_failure() {
        let (_home, env) = sandbox();
        let lost = io::Error::from(io::ErrorKind::BrokenPipe);
        let error = anyhow::Error::from(lost).context("failed to push");
        let (code, err) = with_ui(&env, "", |ui| end_with(&error, ui));
        assert_eq!((code, err.as_str()), (1, "error: failed to push\n  because: broken pipe\n"));
    }

    #[test]
    fn a_stop_has_its_own_exit_code() {
        let (_home, env) = sandbox();
        let error = Failure::new(ErrorKind::Interrupted, "stopped").into();
        let (code, err) = with_ui(&env, "", |ui| end_with(&error, ui));
        assert_eq!((code, err.as_str()), (130, "error: stopped\n"));
    }

    #[test]
    fn the_backup_is_where_the_flag_says_then_the_variable_then_the_home() {
        let (home, env) = sandbox();
        let folder = |env: &Env, words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            parse(&words, env).unwrap().global.backup_dir(env).unwrap()
        };
        assert_eq!(folder(&env, &[]), home.path().join(".claude-backup"));
        let set = env.with_variable("CLAUDE_BACKUP_DIR", "~/elsewhere");
        assert_eq!(folder(&set, &["man"]), home.path().join("elsewhere"));
        assert_eq!(folder(&set, &["--backup-dir=a/b", "man"]), home.path().join("a/b"));
        assert_eq!(folder(&set, &["man", "--backup-dir", "/srv/b"]), Path::new("/srv/b"));
    }

    #[test]
    fn the_parser_is_well_formed() {
        command().debug_assert();
    }
}
