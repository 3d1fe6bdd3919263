//! The walk alone: what it costs to learn that nothing changed, but for comparing.
//!
//! `cargo bench --bench walk`

#![expect(clippy::unwrap_used, reason = "a bench that cannot run shall say so")]

use std::path::Path;

use claude_backup::progress::Silent;
use claude_backup::source::{Options, Roots, list};
use criterion::{Criterion, Throughput};

fn main() {
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    let mut group = criterion.benchmark_group("walk");
    for sessions in [300, 2_000, 20_000] {
        let home = tempfile::tempdir().unwrap();
        fill(&home.path().join(".claude"), sessions);
        let roots = Roots::new(vec![home.path().join(".claude")], home.path().to_path_buf());
        group.throughput(Throughput::Elements(sessions));
        group.bench_function(format!("{sessions} sessions"), |bench| {
            bench.iter(|| {
                let listing = list(&roots, &Options::default(), &Silent).unwrap();
                assert_eq!(listing.files.len() as u64, sessions);
                listing
            });
        });
    }
    group.finish();
    criterion.final_summary();
}

/// Sessions of one line in 24 projects.
fn fill(home: &Path, sessions: u64) {
    for number in 0..sessions {
        let project = home.join(format!("projects/-home-dev-work-app-{:02}", number % 24));
        let name = format!("{number:08x}-0000-4000-a000-{number:012x}.jsonl");
        if number < 24 {
            fs_err::create_dir_all(&project).unwrap();
        }
        fs_err::write(project.join(name), "{}\n").unwrap();
    }
}
