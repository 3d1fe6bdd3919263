//! The first screen: commands in groups, one line each, and where to begin.

use clap::Command;
use clap::builder::Styles;

use crate::env::Env;
use crate::ui::page::Look;
use crate::ui::text::{cells, wrap};

/// The commands in the order of need; those named nowhere come last, under "More".
const GROUPS: [(&str, &[&str]); 3] = [
    ("Back up", &["init", "sync", "schedule", "backend"]),
    ("Get back", &["restore", "versions", "peek", "import-config"]),
    ("Look after", &["status", "verify", "machines", "secrets", "export-config", "uninstall"]),
];

const BEGIN: [(&str, &str); 2] =
    [("First time?", "claude-backup init"), ("Lost a session?", "claude-backup restore")];

/// Nobody reads longer lines with ease.
const WIDEST: usize = 100;
/// A narrower terminal gets what a command does below its name.
const NARROW: usize = 50;

/// The command line with its help arranged for this terminal.
pub(super) fn arranged(command: Command, env: &Env) -> Command {
    let width = env.terminal.width.filter(|_| env.terminal.stdout);
    let width = width.map_or(WIDEST, |width| usize::from(width).min(WIDEST));
    let template = template(&command, width);
    let command = command.styles(styles()).term_width(width).help_template(template);
    // The parser would else set what a flag does in a column of a few cells.
    command.next_line_help(width < NARROW)
}

fn styles() -> Styles {
    Styles::styled()
        .header(Look::Bold.style())
        .usage(Look::Bold.style())
        .literal(Look::Plain.style())
        .placeholder(Look::Dim.style())
}

fn template(command: &Command, width: usize) -> String {
    let mut text = String::from("{about-with-newline}\n{usage-heading} {usage}\n");
    let about = |name: &str| {
        let found = command.find_subcommand(name)?;
        Some((name.to_owned(), found.get_about().map(ToString::to_string).unwrap_or_default()))
    };
    for (title, names) in GROUPS {
        let rows: Vec<_> = names.iter().filter_map(|name| about(name)).collect();
        push_group(&mut text, title, &rows, width);
    }
    let named = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let others = command.get_subcommands().filter(|command| !command.is_hide_set());
    let others = others.map(Command::get_name).filter(|name| !named(name));
    let rows: Vec<_> = others.filter_map(about).collect();
    push_group(&mut text, "More", &rows, width);
    push_title(&mut text, "Everywhere");
    text.push_str("{options}\n\n");
    push_rows(&mut text, &BEGIN.map(|(why, what)| (why.into(), what.into())), "", width);
    text
}

fn push_group(text: &mut String, title: &str, rows: &[(String, String)], width: usize) {
    if !rows.is_empty() {
        push_title(text, title);
        push_rows(text, rows, "  ", width);
    }
}

fn push_title(text: &mut String, title: &str) {
    let bold = Look::Bold.style();
    text.push_str(&format!("\n{bold}{title}:{bold:#}\n"));
}

/// Two columns, or two lines each where there is no room.
fn push_rows(text: &mut String, rows: &[(String, String)], indent: &str, width: usize) {
    let first = rows.iter().map(|(name, _)| cells(name)).max().unwrap_or(0).max(13);
    for (name, about) in rows {
        if width < NARROW {
            text.push_str(&format!("{indent}{name}\n"));
            for line in wrap(about, width.saturating_sub(cells(indent) + 2)) {
                text.push_str(&format!("{indent}  {line}\n"));
            }
            continue;
        }
        let start = cells(indent) + first + 2;
        let mut lines = wrap(about, width - start).into_iter();
        let begin = lines.next().unwrap_or_default();
        text.push_str(&format!("{indent}{name:first$}  {begin}\n"));
        for line in lines {
            text.push_str(&format!("{:start$}{line}\n", ""));
        }
    }
}
