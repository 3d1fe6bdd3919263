//! The human face of a result: lines, headings, fields, marks and tables.

use std::borrow::Cow;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::ui::Colour;
use crate::ui::flow;
use crate::ui::table::Table;
use crate::ui::text::{cells, safe};

/// How a piece of text stands out; the words must do without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    /// Like everything else.
    #[default]
    Plain,
    /// What the eye should find first.
    Bold,
    /// What it may skip.
    Dim,
    /// All is well.
    Good,
    /// Somebody should know.
    Warn,
    /// Something is broken.
    Bad,
}

/// A piece of text with a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The text, made harmless.
    pub text: String,
    /// How it stands out.
    pub look: Look,
}

/// How a line of a health report begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `✓`
    Good,
    /// `!`
    Warn,
    /// `✗`
    Bad,
}

/// Writes one result for a person; everything it is given is made harmless first.
pub struct Page<'a> {
    out: &'a mut dyn Write,
    colour: Colour,
    width: Option<usize>,
}

/// A terminal narrower than this gets values below their labels.
const NARROW: usize = 40;

impl Look {
    /// The terminal's style for it.
    #[must_use]
    pub fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Bold => Style::new().bold(),
            Self::Dim => Style::new().dimmed(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Warn => AnsiColor::Yellow.on_default().bold(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
        }
    }
}

impl Span {
    /// This text with this look.
    #[must_use]
    pub fn new(look: Look, text: impl AsRef<str>) -> Self {
        Self { text: safe(text.as_ref()).into_owned(), look }
    }

    /// Ordinary text.
    #[must_use]
    pub fn plain(text: impl AsRef<str>) -> Self {
        Self::new(Look::Plain, text)
    }

    /// Text to find first.
    #[must_use]
    pub fn bold(text: impl AsRef<str>) -> Self {
        Self::new(Look::Bold, text)
    }

    /// Text to skip.
    #[must_use]
    pub fn dim(text: impl AsRef<str>) -> Self {
        Self::new(Look::Dim, text)
    }

    /// Good news.
    #[must_use]
    pub fn good(text: impl AsRef<str>) -> Self {
        Self::new(Look::Good, text)
    }

    /// News to look into.
    #[must_use]
    pub fn warn(text: impl AsRef<str>) -> Self {
        Self::new(Look::Warn, text)
    }

    /// Bad news.
    #[must_use]
    pub fn bad(text: impl AsRef<str>) -> Self {
        Self::new(Look::Bad, text)
    }
}

impl From<&str> for Span {
    fn from(text: &str) -> Self {
        Self::plain(text)
    }
}

impl From<String> for Span {
    fn from(text: String) -> Self {
        Self::plain(text)
    }
}

impl Mark {
    fn span(self) -> Span {
        match self {
            Self::Good => Span::good("✓"),
            Self::Warn => Span::warn("!"),
            Self::Bad => Span::bad("✗"),
        }
    }
}

impl<'a> Page<'a> {
    /// A page on this stream; `width` is known only where a terminal shows it.
    pub fn new(out: &'a mut dyn Write, colour: Colour, width: Option<usize>) -> Self {
        Self { out, colour, width }
    }

    /// The terminal's columns; nothing where the page goes to a file or a pipe.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        self.width
    }

    /// Whether escape codes may be written.
    #[must_use]
    pub fn colour(&self) -> Colour {
        self.colour
    }

    /// One line of ordinary text; spaces before it indent all lines that a terminal makes of it.
    ///
    /// # Errors
    /// As the stream says; so for all below.
    pub fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        let text = text.as_ref();
        let indent = text.len() - text.trim_start_matches(' ').len();
        let (indent, text) = text.split_at(indent);
        let lead = (!indent.is_empty()).then(|| Span::plain(indent));
        self.flow(lead.as_slice(), &Span::plain(text))
    }

    /// An empty line.
    ///
    /// # Errors
    /// As the stream says.
    pub fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// A bold line.
    ///
    /// # Errors
    /// As the stream says.
    pub fn heading(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        self.flow(&[], &Span::bold(text))
    }

    /// A text behind what leads it; on a terminal, what does not fit hangs below its beginning, and
    /// commands stand on lines of their own.
    ///
    /// # Errors
    /// As the stream says.
    pub fn flow(&mut self, lead: &[Span], text: &Span) -> io::Result<()> {
        let lines = flow::lines(lead, text, self.width.unwrap_or(usize::MAX));
        lines.iter().try_for_each(|line| self.spans(line))
    }

    /// One line of pieces, set side by side as they are.
    ///
    /// # Errors
    /// As the stream says.
    pub fn spans(&mut self, spans: &[Span]) -> io::Result<()> {
        for span in spans {
            self.paint(span.look, &span.text)?;
        }
        writeln!(self.out)
    }

    /// One line of news: `✓ text`, `! text`, `✗ text`.
    ///
    /// # Errors
    /// As the stream says.
    pub fn mark(&mut self, mark: Mark, text: impl AsRef<str>) -> io::Result<()> {
        self.flow(&[mark.span(), Span::plain(" ")], &Span::plain(text))
    }

    /// Where the values of fields begin on a page of this width, behind labels of so many cells.
    pub(super) fn value_column(label: usize, width: usize) -> usize {
        if width < NARROW { 2 } else { label + 2 }
    }

    /// Labels with their values below each other, the values aligned.
    ///
    /// # Errors
    /// As the stream says.
    pub fn fields(&mut self, fields: &[(&str, Span)]) -> io::Result<()> {
        let label_width = fields.iter().map(|(label, _)| cells(label)).max().unwrap_or(0);
        for (label, value) in fields {
            if self.width.is_some_and(|width| width < NARROW) {
                if !label.is_empty() {
                    self.spans(&[Span::dim(label)])?;
                }
                self.flow(&[Span::plain("  ")], value)?;
                continue;
            }
            let gap = " ".repeat(label_width - cells(label) + 2);
            self.flow(&[Span::dim(label), Span::plain(gap)], value)?;
        }
        Ok(())
    }

    /// A table, cut to the terminal's width; whole where there is no terminal.
    ///
    /// # Errors
    /// As the stream says.
    pub fn table(&mut self, table: &Table) -> io::Result<()> {
        table.write(self)
    }

    /// Text that is exactly as our own code made it: help, scripts, manuals.
    ///
    /// # Errors
    /// As the stream says.
    pub fn verbatim(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }

    /// A piece of text that is harmless already.
    fn paint(&mut self, look: Look, text: &str) -> io::Result<()> {
        write!(self.out, "{}", painted(self.colour, look, text))
    }
}

/// The text inside its escape codes, or bare where there is no colour.
#[must_use]
pub fn painted(colour: Colour, look: Look, text: &str) -> Cow<'_, str> {
    if colour == Colour::Never || look == Look::Plain || text.is_empty() {
        return Cow::Borrowed(text);
    }
    let style = look.style();
    Cow::Owned(format!("{style}{text}{style:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(
        colour: Colour,
        width: Option<usize>,
        write: impl Fn(&mut Page<'_>) -> io::Result<()>,
    ) -> String {
        let mut out = Vec::new();
        write(&mut Page::new(&mut out, colour, width)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fields_align_and_stack_on_a_narrow_terminal() {
        let fields = [("Mode", Span::plain("local")), ("Machine", Span::plain("mac"))];
        let wide = page(Colour::Never, Some(80), |page| page.fields(&fields));
        assert_eq!(wide, "Mode     local\nMachine  mac\n");
        let narrow = page(Colour::Never, Some(20), |page| page.fields(&fields));
        assert_eq!(narrow, "Mode\n  local\nMachine\n  mac\n");
    }

    #[test]
    fn colour_is_never_the_only_carrier() {
        let plain = page(Colour::Never, None, |page| page.mark(Mark::Bad, "not pushed"));
        assert_eq!(plain, "✗ not pushed\n");
        let colour = page(Colour::Always, None, |page| page.mark(Mark::Bad, "no push"));
        assert_eq!(colour, "\u{1b}[1m\u{1b}[31m✗\u{1b}[0m no push\n");
    }

    #[test]
    fn lines_are_made_harmless() {
        let text = page(Colour::Always, None, |page| page.line("a\u{1b}[2J\nb"));
        assert_eq!(text, "a\\u{1b}[2J\\nb\n");
    }
}
