//! Progress on a terminal: one bar with files, bytes and the time left.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::progress::Progress;
use crate::ui::words::{duration, grouped, size};

/// Shows nothing, but knows when to stop.
pub(crate) struct Unseen {
    pub(crate) interrupt: Arc<AtomicBool>,
}

/// Draws on standard error and clears itself when a stage is over.
pub(crate) struct Bar {
    bar: ProgressBar,
    files: Arc<Files>,
    interrupt: Arc<AtomicBool>,
}

#[derive(Default)]
struct Files {
    done: AtomicU64,
    all: AtomicU64,
}

impl Progress for Unseen {
    fn start(&self, _stage: &str, _files: u64, _bytes: u64) {}
    fn advance(&self, _files: u64, _bytes: u64) {}
    fn finish(&self) {}
    fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }
}

impl Bar {
    pub(crate) fn new(interrupt: Arc<AtomicBool>, width: usize) -> Self {
        let files = Arc::<Files>::default();
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        bar.set_style(style(&files, width));
        Self { bar, files, interrupt }
    }
}

impl Progress for Bar {
    fn start(&self, stage: &str, files: u64, bytes: u64) {
        self.files.done.store(0, Ordering::Relaxed);
        self.files.all.store(files, Ordering::Relaxed);
        self.bar.reset();
        self.bar.set_prefix(crate::ui::text::safe(stage).into_owned());
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
}

/// A failure between two stages must not leave half a line behind the error.
impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The narrower the terminal, the less is told.
fn style(files: &Arc<Files>, width: usize) -> ProgressStyle {
    let template = match width {
        0..50 => "{prefix} {portion}",
        50..80 => "{prefix} {portion} {files} {left}",
        _ => "{prefix} {bar:20} {files}, {amount} {left}",
    };
    let counted = files.clone();
    let whole = files.clone();
    ProgressStyle::with_template(template)
        .expect("the templates above are well formed")
        .progress_chars("━╸─")
        .with_key("files", move |_: &ProgressState, text: &mut dyn std::fmt::Write| {
            let _ = text.write_str(&files_of(&counted));
        })
        .with_key("portion", move |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            let _ = write!(text, "{} %", percent(state.pos(), state.len(), &whole));
        })
        .with_key("amount", |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            if let Some(all) = state.len().filter(|all| *all > 0) {
                let _ = write!(text, "{} of {}", size(state.pos()), size(all));
            }
        })
        .with_key("left", |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            let _ = text.write_str(&time_left(state));
        })
}

fn files_of(files: &Files) -> String {
    let (done, all) = (files.done.load(Ordering::Relaxed), files.all.load(Ordering::Relaxed));
    match all {
        0 => format!("{} files", grouped(done)),
        _ => format!("{} of {} files", grouped(done), grouped(all)),
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
    format!("({} left)", duration(millis.max(1000)).replace(".0 s", " s"))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

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
        let paper = Paper { width, line: Arc::default() };
        let bar = Bar::new(Arc::default(), usize::from(width));
        bar.bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(paper.clone())));
        bar.start("Saving", 2134, 380 * 1024 * 1024);
        bar.advance(1067, 190 * 1024 * 1024);
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
    }

    #[test]
    fn files_count_where_bytes_are_unknown() {
        let files = Files { done: 1.into(), all: 4.into() };
        assert_eq!(percent(0, Some(0), &files), 25);
        assert_eq!(percent(9, Some(3), &files), 100);
        assert_eq!(percent(0, None, &Files::default()), 0);
    }
}
