//! Which text is a user's prompt, and how long texts become one line of a list.

use super::content::{Body, Content};
use super::record::Record;

/// How many characters of a prompt or a title are kept.
const LONGEST: usize = 200;

/// How the texts begin that the program puts into user records by itself.
const PROGRAM_TAGS: &[&str] = &[
    // Slash commands and what came of them.
    "<command-name>",
    "<command-message>",
    "<command-args>",
    "<local-command-caveat>",
    "<local-command-stdout>",
    "<local-command-stderr>",
    // Shell lines typed at the prompt.
    "<bash-input>",
    "<bash-stdout>",
    "<bash-stderr>",
    // Hooks, reminders and messages of background work.
    "<session-start-hook>",
    "<user-prompt-submit-hook>",
    "<system-reminder>",
    "<task-notification>",
    "<tick>",
    // The user stopped an answer.
    "[Request interrupted by user",
    // What the editor shows at the moment.
    "<ide_opened_file>",
    "<ide_selection>",
    "<ide_diagnostics>",
];

/// The prompt in a record, as one line; `None` where the user typed nothing in it.
pub(super) fn prompt_of<'a, B: Body<'a>>(record: &Record<'a, B>) -> Option<String> {
    if record.kind() != "user" || record.is_made() {
        return None;
    }
    let content = record.content().filter(|content| !content.has_tool_result())?;
    content.texts().filter(|text| !is_from_the_program(text)).find_map(one_line)
}

/// True for what the program itself wrote in the user's place: slash commands, shell lines, notes.
pub(super) fn is_program_note<'a>(record: &Record<'a, Content<'a>>) -> bool {
    if record.kind() != "user" {
        return false;
    }
    let mut texts = record.content().into_iter().flat_map(Content::texts).peekable();
    record.is_made() || texts.peek().is_some() && texts.all(is_from_the_program)
}

/// The first 200 characters, each run of white space as one space; `None` where nothing is left.
pub(super) fn one_line(text: &str) -> Option<String> {
    let mut line = String::new();
    let mut room = LONGEST;
    for word in text.split_whitespace() {
        if !line.is_empty() && room > 1 {
            line.push(' ');
            room -= 1;
        } else if !line.is_empty() {
            break;
        }
        let before = line.len();
        line.extend(word.chars().take(room));
        room -= line[before..].chars().count();
    }
    Some(line).filter(|line| !line.is_empty())
}

fn is_from_the_program(text: &str) -> bool {
    let text = text.trim_start();
    PROGRAM_TAGS.iter().any(|tag| text.starts_with(tag))
}

#[cfg(test)]
mod tests {
    use super::super::content::Content;
    use super::super::record;
    use super::*;

    fn prompt(line: &str) -> Option<String> {
        let record: Record<'_, Content<'_>> = record::parse(line.as_bytes()).unwrap();
        prompt_of(&record)
    }

    #[test]
    fn only_what_a_user_typed_is_a_prompt() {
        for line in [
            r#"{"type":"assistant","message":{"content":"hi"}}"#,
            r#"{"type":"user","isMeta":true,"message":{"content":"hi"}}"#,
            r#"{"type":"user","isCompactSummary":true,"message":{"content":"hi"}}"#,
            r#"{"type":"user","message":{"content":" \n "}}"#,
            r#"{"type":"user","message":{"content":[{"type":"image","source":{}}]}}"#,
            r#"{"type":"user","message":{"content":[{"type":"tool_result","content":"x"},{"type":"text","text":"hi"}]}}"#,
            r#"{"type":"user","message":{"content":" <command-name>/model</command-name>"}}"#,
            r#"{"type":"user","message":{"content":"[Request interrupted by user for tool use]"}}"#,
            r#"{"type":"user","message":null}"#,
        ] {
            assert_eq!(prompt(line), None, "{line}");
        }
        let typed = r#"{"type":"user","isMeta":false,"message":{"content":"hi"}}"#;
        assert_eq!(prompt(typed).as_deref(), Some("hi"));
    }

    #[test]
    fn a_prompt_is_found_behind_an_editor_note() {
        let line = r#"{"type":"user","message":{"content":[{"type":"text","text":"<ide_opened_file>a</ide_opened_file>"},{"type":"text","text":"Why\n\n  this?"}]}}"#;
        assert_eq!(prompt(line).as_deref(), Some("Why this?"));
    }

    #[test]
    fn a_line_has_at_most_two_hundred_characters_and_no_space_at_its_end() {
        assert_eq!(one_line(&"é".repeat(300)), Some("é".repeat(200)));
        assert_eq!(one_line(&format!("{} b", "a".repeat(199))), Some("a".repeat(199)));
        assert_eq!(one_line(&format!("{} bc", "a".repeat(198))), Some("a".repeat(198) + " b"));
        assert_eq!(one_line(" a\t\r\n b "), Some("a b".into()));
        assert_eq!(one_line("\u{a0}\n"), None);
    }
}
