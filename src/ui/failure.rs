//! An error's two faces: a message with causes and a hint, or one JSON object.

use std::io::Write;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{ErrorKind, failure, kind, one_line};
use crate::ui::page::{Page, Span};
use crate::ui::{Colour, Column, Format, Table};

#[derive(Serialize)]
struct ErrorObject<'a> {
    error: String,
    code: ErrorKind,
    hint: Option<&'a str>,
    #[serde(flatten)]
    details: Option<&'a Map<String, Value>>,
}

/// Writes an error to standard error; one that cannot be written is lost, the exit code is not.
pub(crate) fn write_error(
    err: &mut dyn Write,
    format: Format,
    colour: Colour,
    width: Option<usize>,
    error: &anyhow::Error,
) {
    let _ = match format {
        Format::Human => write_words(&mut Page::new(err, colour, width), error),
        Format::Json => write_object(err, error),
    };
    let _ = err.flush();
}

fn write_object(err: &mut dyn Write, error: &anyhow::Error) -> std::io::Result<()> {
    let known = failure(error);
    let object = ErrorObject {
        error: one_line(error),
        code: kind(error),
        hint: known.and_then(|failure| failure.hint.as_deref()),
        details: known.map(|failure| &failure.details),
    };
    writeln!(err, "{}", serde_json::to_string(&object)?)
}

/// `error: message`, then each cause, then what it is about, then `hint: …`; further lines of a message are indented.
fn write_words(page: &mut Page<'_>, error: &anyhow::Error) -> std::io::Result<()> {
    let mut causes = error.chain().map(ToString::to_string);
    let message = causes.next().unwrap_or_default();
    write_labelled(page, Span::bad("error:"), &message)?;
    let mut last = message;
    for cause in causes {
        // Some libraries repeat their cause inside their own message.
        if !last.ends_with(&cause) {
            write_labelled(page, Span::dim("  because:"), &cause)?;
            last = cause;
        }
    }
    let known = failure(error);
    write_rows(page, known.map_or(&[], |failure| &failure.rows))?;
    for line in known.into_iter().flat_map(|failure| &failure.lines) {
        page.flow(&[Span::plain("  ")], &Span::plain(line))?;
    }
    match known.and_then(|failure| failure.hint.as_deref()) {
        Some(hint) => write_labelled(page, Span::bold("hint:"), hint),
        None => Ok(()),
    }
}

/// One line each, cut to the terminal's width.
fn write_rows(page: &mut Page<'_>, rows: &[Vec<String>]) -> std::io::Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let mut columns = vec![Column::text(""); first.len()];
    // The first cell is what is copied.
    columns[0] = Column::whole("");
    let mut table = Table::new(&columns);
    rows.iter().for_each(|row| table.row(row.iter().map(Span::plain)));
    let width = page.width().map_or(usize::MAX, |width| width.saturating_sub(2));
    for row in table.texts(width) {
        page.spans(&[Span::plain("  "), Span::plain(row)])?;
    }
    Ok(())
}

fn write_labelled(page: &mut Page<'_>, label: Span, text: &str) -> std::io::Result<()> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    page.flow(&[label, Span::plain(" ")], &Span::plain(lines.next().unwrap_or("unknown")))?;
    for line in lines {
        page.flow(&[Span::plain("    ")], &Span::plain(line.trim_end()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;
    use crate::error::Failure;

    fn written(format: Format, error: &anyhow::Error) -> String {
        let mut err = Vec::new();
        write_error(&mut err, format, Colour::Never, None, error);
        String::from_utf8(err).unwrap()
    }

    fn ambiguous() -> anyhow::Error {
        let failure = Failure::new(ErrorKind::Ambiguous, "`1f` fits 2 sessions\nred\u{1b}[31m")
            .hint("give more of the id")
            .detail("candidates", serde_json::json!(["1f0c", "1f99"]));
        Err::<(), _>(failure).context("failed to restore").unwrap_err()
    }

    #[test]
    fn a_person_reads_message_causes_and_hint() {
        let expected = "\
error: failed to restore
  because: `1f` fits 2 sessions
    red\\u{1b}[31m
hint: give more of the id
";
        assert_eq!(written(Format::Human, &ambiguous()), expected);
    }

    #[test]
    fn a_program_reads_one_object_on_one_line() {
        let expected = concat!(
            r#"{"error":"failed to restore: `1f` fits 2 sessions\nred\u001b[31m","#,
            r#""code":"ambiguous","hint":"give more of the id","candidates":["1f0c","1f99"]}"#,
            "\n"
        );
        assert_eq!(written(Format::Json, &ambiguous()), expected);
    }

    #[test]
    fn an_unnamed_error_has_the_general_code_and_no_hint() {
        let expected = "{\"error\":\"boom\",\"code\":\"failed\",\"hint\":null}\n";
        assert_eq!(written(Format::Json, &anyhow::anyhow!("boom")), expected);
    }
}
