//! Progress on a terminal: one bar with files, bytes and the time left.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::progress::Progress;
use crate::ui::steps::Steps;
use crate::ui::text::{Keep, cells, fit, safe};
use crate::ui::words::{count, duration, grouped, size};

/// Shows no bar, but knows when to stop.
pub(super) struct Unseen<'a> {
    pub(super) interrupt: Arc<AtomicBool>,
    pub(super) steps: Option<Steps<'a>>,
}

/// Draws on standard error and clears itself when a stage is over.
pub(super) struct Bar<'a> {
    bar: ProgressBar,
    files: Arc<Files>,
    interrupt: Arc<AtomicBool>,
    steps: Option<Steps<'a>>,
}

#[derive(Default)]
struct Files {
    stage: Mutex<String>,
    done: AtomicU64,
    all: AtomicU64,
}

impl Files {
    fn stage(&self) -> String {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Progress for Unseen<'_> {
    fn start(&self, _stage: &str, _files: u64, _bytes: u64) {}
    fn advance(&self, _files: u64, _bytes: u64) {}
    fn finish(&self) {}
    fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }
    fn step(&self, step: &dyn Display) {
        if let Some(steps) = &self.steps {
            steps.print(step);
        }
    }
}

impl<'a> Bar<'a> {
    pub(super) fn new(interrupt: Arc<AtomicBool>, width: usize, steps: Option<Steps<'a>>) -> Self {
        let files = Arc::<Files>::default();
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        bar.set_style(style(&files, width));
        Self { bar, files, interrupt, steps }
    }
}

impl Progress for Bar<'_> {
    fn start(&self, stage: &str, files: u64, bytes: u64) {
        self.files.done.store(0, Ordering::Relaxed);
        self.files.all.store(files, Ordering::Relaxed);
        self.bar.reset();
        let stage = safe(stage).into_owned();
        *self.files.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
        self.bar.set_length(bytes);
    }

    fn advance(&self, files: u64, bytes: u64) {
        self.files.done.fetch_add(files, Ordering::Relaxed);
        self.bar.inc(bytes);
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }

    fn step(&self, step: &dyn Display) {
        if let Some(steps) = &self.steps {
            self.bar.suspend(|| steps.print(step));
        }
    }
}

/// A failure between two stages must not leave half a line behind the error.
impl Drop for Bar<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(files: &Arc<Files>, width: usize) -> ProgressStyle {
    let files = files.clone();
    ProgressStyle::with_template("{line}").expect("the template is well formed").with_key(
        "line",
        move |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            let _ = text.write_str(&line(state, &files, width));
        },
    )
}

/// The narrower the terminal, the less is told; the line is never wider than it.
fn line(state: &ProgressState, files: &Files, width: usize) -> String {
    let percent = percent(state.pos(), state.len(), files);
    let bytes = state.len().filter(|all| *all > 0);
    let amount = bytes.map(|all| format!(", {} of {}", size(state.pos()), size(all)));
    let amount = amount.unwrap_or_default();
    let (stage, counted, left) = (&files.stage(), files_of(files), time_left(state));
    let bar = drawn(percent);
    let lines = [
        format!("{stage} {bar} {counted}{amount}{left}"),
        format!("{stage} {bar} {counted}{amount}"),
        format!("{stage} {percent} % {counted}{left}"),
        format!("{stage} {percent} %{left}"),
        format!("{stage} {percent} %"),
    ];
    let fits = lines.iter().find(|line| cells(line) < width);
    fits.cloned().unwrap_or_else(|| fit(&lines[4], width, Keep::End).into_owned())
}

/// A bar of twenty cells.
fn drawn(percent: u64) -> String {
    let done = usize::try_from(percent / 5).unwrap_or(20).min(20);
    format!("{}{}", "━".repeat(done), "─".repeat(20 - done))
}

fn files_of(files: &Files) -> String {
    let (done, all) = (files.done.load(Ordering::Relaxed), files.all.load(Ordering::Relaxed));
    match all {
        0 => count(done, "file"),
        _ => format!("{} of {}", grouped(done), count(all, "file")),
    }
}

/// By bytes, or by files where the bytes are not known beforehand.
fn percent(bytes_done: u64, bytes: Option<u64>, files: &Files) -> u64 {
    let (done, all) = match bytes {
        Some(bytes) if bytes > 0 => (bytes_done, bytes),
        _ => (files.done.load(Ordering::Relaxed), files.all.load(Ordering::Relaxed)),
    };
    let percent = u128::from(done) * 100 / u128::from(all.max(1));
    u64::try_from(percent).unwrap_or(100).min(100)
}

/// Said only once there is something to judge by.
fn time_left(state: &ProgressState) -> String {
    let left = state.eta();
    if state.pos() == 0 || left.is_zero() {
        return String::new();
    }
    let millis = left.as_secs().saturating_mul(1000);
    format!(" ({} left)", duration(millis.max(1000)).replace(".0 s", " s"))
}

#[cfg(test)]
mod tests {
    use std::io;

    use indicatif::TermLike;

    use super::*;

    /// Remembers the line that was drawn last.
    #[derive(Clone, Debug, Default)]
    struct Paper {
        width: u16,
        line: Arc<Mutex<String>>,
    }

    impl TermLike for Paper {
        fn width(&self) -> u16 {
            self.width
        }
        fn move_cursor_up(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.line.lock().unwrap().push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.line.lock().unwrap().clear();
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn shown(width: u16) -> String {
        shown_of(width, 2134, 1067)
    }

    fn shown_of(width: u16, all: u64, done: u64) -> String {
        let paper = Paper { width, line: Arc::default() };
        let bar = Bar::new(Arc::default(), usize::from(width), None);
        bar.bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(paper.clone())));
        bar.start("Saving", all, 380 * 1024 * 1024);
        bar.advance(done, 190 * 1024 * 1024);
        bar.bar.force_draw();
        let shown = paper.line.lock().unwrap().trim_end().to_owned();
        bar.finish();
        assert_eq!(*paper.line.lock().unwrap(), "", "a finished stage leaves nothing behind");
        shown
    }

    #[test]
    fn the_bar_tells_what_fits() {
        assert_eq!(shown(20), "Saving 50 %");
        assert!(shown(60).starts_with("Saving 50 % 1,067 of 2,134 files"), "{}", shown(60));
        let wide = shown(100);
        assert!(wide.contains("1,067 of 2,134 files, 190 MiB of 380 MiB"), "{wide}");
        for width in 11..100 {
            assert!(cells(&shown(width)) <= usize::from(width), "{width}: {}", shown(width));
        }
    }

    #[test]
    fn one_file_is_one_file() {
        assert!(shown_of(100, 1, 0).contains("0 of 1 file, 190 MiB"), "{}", shown_of(100, 1, 0));
    }

    #[test]
    fn files_count_where_bytes_are_unknown() {
        let files = Files { done: 1.into(), all: 4.into(), ..Files::default() };
        assert_eq!(percent(0, Some(0), &files), 25);
        assert_eq!(percent(9, Some(3), &files), 100);
        assert_eq!(percent(0, None, &Files::default()), 0);
    }
}
