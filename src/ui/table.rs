//! Rows and columns that fit a terminal, down to twenty cells; whole where nobody watches.

use std::io;

use crate::ui::page::{Page, Span};
use crate::ui::text::{Keep, cells, fit};

/// One column: its title, its side, and what may be cut from it.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    title: &'static str,
    side: Side,
    /// Nothing where the values must stay whole, as an id that will be copied.
    keep: Option<Keep>,
}

/// A table in the making.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Span>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Cells between two columns.
const GAP: usize = 2;
/// A column is not cut below this, or its title.
const LEAST: usize = 8;

impl Column {
    /// Values that are never cut, such as ids and dates.
    #[must_use]
    pub const fn whole(title: &'static str) -> Self {
        Self { title, side: Side::Left, keep: None }
    }

    /// Values whose beginning matters, such as titles.
    #[must_use]
    pub const fn text(title: &'static str) -> Self {
        Self { title, side: Side::Left, keep: Some(Keep::Start) }
    }

    /// Values whose end matters, such as paths.
    #[must_use]
    pub const fn path(title: &'static str) -> Self {
        Self { title, side: Side::Left, keep: Some(Keep::End) }
    }

    /// Numbers and sizes: never cut, set to the right.
    #[must_use]
    pub const fn number(title: &'static str) -> Self {
        Self { title, side: Side::Right, keep: None }
    }

    /// A value that may be cut, cut if one of its words is wider than the room.
    fn fitted(self, cell: &Span, room: usize) -> Span {
        let has_room = cell.text.split(' ').all(|word| cells(word) <= room);
        match self.keep.filter(|_| !has_room) {
            Some(keep) => Span { text: fit(&cell.text, room, keep).into_owned(), look: cell.look },
            None => cell.clone(),
        }
    }

    /// The fewest cells it can do with, given those it would like.
    fn least(self, natural: usize) -> usize {
        match self.keep {
            Some(_) => natural.min(cells(self.title).max(LEAST)),
            None => natural,
        }
    }
}

impl Table {
    /// An empty table with these columns.
    #[must_use]
    pub fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; it has one cell per column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Span>) {
        let row: Vec<Span> = cells.into_iter().collect();
        debug_assert_eq!(row.len(), self.columns.len(), "a row has one cell per column");
        self.rows.push(row);
    }

    /// Writes the table; one without rows writes nothing.
    ///
    /// # Errors
    /// As the stream says.
    pub(crate) fn write(&self, page: &mut Page<'_>) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        match self.widths(page.width()) {
            Some(widths) => self.write_rows(page, &widths),
            None => self.write_records(page),
        }
    }

    /// Its rows as texts of at most this width, without titles and looks; of what is too narrow for
    /// columns, the first cells.
    #[must_use]
    pub fn texts(&self, width: usize) -> Vec<String> {
        let widths = self.widths(Some(width));
        let text = |row: &Vec<Span>| match &widths {
            Some(widths) => {
                self.aligned(row, widths).iter().map(|span| span.text.as_str()).collect()
            }
            None => fit(&row[0].text, width, Keep::Start).into_owned(),
        };
        self.rows.iter().map(text).collect()
    }

    /// The width of each column, or nothing where they cannot stand side by side.
    fn widths(&self, available: Option<usize>) -> Option<Vec<usize>> {
        let mut widths = self.natural_widths();
        let Some(available) = available else {
            return Some(widths);
        };
        let available = available.saturating_sub(GAP * (widths.len() - 1));
        if widths.iter().sum::<usize>() <= available {
            return Some(widths);
        }
        let least: Vec<usize> =
            self.columns.iter().zip(&widths).map(|(column, &width)| column.least(width)).collect();
        if least.iter().sum::<usize>() > available {
            return None;
        }
        // No column needs more than the whole line, which also bounds the loop below.
        for (width, &least) in widths.iter_mut().zip(&least) {
            *width = (*width).min(available).max(least);
        }
        while widths.iter().sum::<usize>() > available {
            let widest = (0..widths.len())
                .filter(|&at| widths[at] > least[at])
                .max_by_key(|&at| widths[at])
                .expect("the sum of the least widths fits");
            widths[widest] -= 1;
        }
        Some(widths)
    }

    fn natural_widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|c| cells(c.title)).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cells(&cell.text));
            }
        }
        widths
    }

    fn write_rows(&self, page: &mut Page<'_>, widths: &[usize]) -> io::Result<()> {
        let titles: Vec<Span> = self.columns.iter().map(|c| Span::bold(c.title)).collect();
        page.spans(&self.aligned(&titles, widths))?;
        for row in &self.rows {
            page.spans(&self.aligned(row, widths))?;
        }
        Ok(())
    }

    /// A row's pieces and the spaces between them, with none at the end of the line.
    fn aligned(&self, row: &[Span], widths: &[usize]) -> Vec<Span> {
        let mut line = Vec::with_capacity(row.len() * 2);
        let mut spaces = 0;
        for ((column, cell), &width) in self.columns.iter().zip(row).zip(widths) {
            let text = fit(&cell.text, width, column.keep.unwrap_or(Keep::Start));
            let missing = width - cells(&text);
            let (before, after) = match column.side {
                Side::Left => (0, missing),
                Side::Right => (missing, 0),
            };
            spaces += before;
            if !text.is_empty() {
                line.push(Span::plain(" ".repeat(spaces)));
                line.push(Span { text: text.into_owned(), look: cell.look });
                spaces = 0;
            }
            spaces += after + GAP;
        }
        line
    }

    /// One block of lines per row, for a terminal too narrow for columns: the first cell, then the
    /// others behind their titles.
    fn write_records(&self, page: &mut Page<'_>) -> io::Result<()> {
        let width = page.width().unwrap_or(usize::MAX);
        let label = self.columns.iter().skip(1).map(|column| cells(column.title)).max();
        let room = width.saturating_sub(Page::value_column(label.unwrap_or_default(), width));
        for (at, row) in self.rows.iter().enumerate() {
            if at > 0 {
                page.blank()?;
            }
            let mut cells = self.columns.iter().zip(row);
            if let Some((column, first)) = cells.next() {
                page.flow(&[], &column.fitted(first, width))?;
            }
            let others = cells.filter(|(_, cell)| !cell.text.is_empty());
            let field = |(column, cell): (&Column, _)| (column.title, column.fitted(cell, room));
            page.fields(&others.map(field).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Colour;

    fn sessions() -> Table {
        let mut table = Table::new(&[
            Column::path("Project"),
            Column::text("Title"),
            Column::whole("Id"),
            Column::number("Size"),
        ]);
        table.row([
            "/home/tom/work/claude-backup".into(),
            "Fix the parser".into(),
            Span::dim("1f0c2a9e"),
            "380 MiB".into(),
        ]);
        table.row([
            "/日本/プロジェクト".into(),
            "\u{1b}[2J\u{202e}evil\nname that goes on and on".into(),
            Span::dim("00000000"),
            "1.2 KiB".into(),
        ]);
        table
    }

    fn drawn(table: &Table, width: Option<usize>) -> String {
        let mut out = Vec::new();
        table.write(&mut Page::new(&mut out, Colour::Never, width)).unwrap();
        let text = String::from_utf8(out).unwrap();
        for line in text.lines() {
            assert!(width.is_none_or(|width| cells(line) <= width), "too wide: {line}");
            assert_eq!(line, line.trim_end(), "spaces at the end");
        }
        format!("\n{text}")
    }

    #[test]
    fn everything_fits_on_a_wide_terminal() {
        let expected = r"
Project                       Title                                            Id           Size
/home/tom/work/claude-backup  Fix the parser                                   1f0c2a9e  380 MiB
/日本/プロジェクト            \u{1b}[2J\u{202e}evil\nname that goes on and on  00000000  1.2 KiB
";
        assert_eq!(drawn(&sessions(), Some(120)), expected);
        assert_eq!(drawn(&sessions(), None), drawn(&sessions(), Some(120)));
    }

    #[test]
    fn eighty_columns_cut_the_widest_first() {
        let expected = r"
Project                       Title                            Id           Size
/home/tom/work/claude-backup  Fix the parser                   1f0c2a9e  380 MiB
/日本/プロジェクト            \u{1b}[2J\u{202e}evil\nname th…  00000000  1.2 KiB
";
        assert_eq!(drawn(&sessions(), Some(80)), expected);
    }

    #[test]
    fn forty_columns_keep_the_end_of_a_path_and_the_whole_id() {
        let expected = r"
Project     Title      Id           Size
…de-backup  Fix the…   1f0c2a9e  380 MiB
…ジェクト   \u{1b}[2…  00000000  1.2 KiB
";
        assert_eq!(drawn(&sessions(), Some(40)), expected);
    }

    #[test]
    fn twenty_columns_stack_the_row() {
        let expected = r"
…/work/claude-backup
Title
  Fix the parser
Id
  1f0c2a9e
Size
  380 MiB

/日本/プロジェクト
Title
  \u{1b}[2J\u{202e}…
Id
  00000000
Size
  1.2 KiB
";
        assert_eq!(drawn(&sessions(), Some(20)), expected);
    }

    #[test]
    fn records_have_two_aligned_columns_and_keep_whole_words() {
        let mut table =
            Table::new(&[Column::path("project"), Column::text("title"), Column::whole("session")]);
        let title = "日本語のとても長いタイトルですからおりかえします";
        table.row(["/home/tom/work".into(), title.into(), "1b9342d9-1e35-4d3e-ab6c".into()]);
        let expected = r"
/home/tom/work
title    日本語のとても長いタイトルですか…
session  1b9342d9-1e35-4d3e-ab6c
";
        assert_eq!(drawn(&table, Some(42)), expected);
    }

    #[test]
    fn a_table_without_rows_is_silent() {
        assert_eq!(drawn(&Table::new(&[Column::whole("Id")]), Some(80)), "\n");
    }
}
