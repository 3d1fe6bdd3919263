//! The archive alone, in memory: compressing, going on, inflating, and reading the end of a file.
//!
//! `cargo bench --bench archive`; with `-- compress` only that.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run shall say so")]

use std::hint::black_box;
use std::io::{self, Cursor, Read};

use claude_backup::archive::{
    ArchiveReader, HISTORY, PartSink, Resume, SECTION, Stored, grow, read_tail, write,
};
use criterion::{BatchSize, Criterion, Throughput};

const SESSION: usize = 20 * SECTION + 300_000;
const APPENDED: usize = 300_000;
const TAIL: usize = 64 << 10;

/// Parts kept in memory.
#[derive(Default)]
struct Memory(Vec<Vec<u8>>);

impl PartSink for Memory {
    type Writer = Vec<u8>;

    fn begin(&mut self, _number: u32) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn finish(&mut self, _number: u32, writer: Vec<u8>) -> io::Result<()> {
        self.0.push(writer);
        Ok(())
    }
}

fn main() {
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    let plain = session(SESSION + APPENDED);
    let (file, resume) = archived(&plain[..SESSION]);
    compress(&mut criterion, &plain[..SESSION]);
    go_on(&mut criterion, &plain, &file, &resume);
    inflate(&mut criterion, &file);
    read_end(&mut criterion, &file);
    criterion.final_summary();
}

fn compress(criterion: &mut Criterion, plain: &[u8]) {
    let mut group = criterion.benchmark_group("compress");
    for length in [64 << 10, SECTION, plain.len()] {
        group.throughput(Throughput::Bytes(length as u64));
        group.bench_function(format!("{} KiB", length >> 10), |bench| {
            bench.iter(|| archived(black_box(&plain[..length])));
        });
    }
    group.finish();
}

/// What was appended is compressed, what was there is copied.
fn go_on(criterion: &mut Criterion, plain: &[u8], file: &[u8], resume: &Resume) {
    let boundary = usize::try_from(resume.boundary).unwrap();
    let mut group = criterion.benchmark_group("resume");
    group.throughput(Throughput::Bytes(APPENDED as u64));
    group.bench_function(format!("{} KiB behind {} MiB", APPENDED >> 10, SESSION >> 20), |bench| {
        bench.iter(|| {
            let mut sink = Memory::default();
            let history = &plain[boundary - HISTORY..boundary];
            let stored = Stored { file, resume, history };
            let source = &plain[boundary..];
            grow(stored, source, plain.len() as u64, &mut sink, &mut |_| {}).unwrap();
            sink
        });
    });
    group.finish();
}

fn inflate(criterion: &mut Criterion, file: &[u8]) {
    let mut group = criterion.benchmark_group("inflate");
    group.throughput(Throughput::Bytes(SESSION as u64));
    group.bench_function(format!("{} MiB", SESSION >> 20), |bench| {
        let parts = || ArchiveReader::from_readers(vec![Box::new(Cursor::new(file.to_vec()))]);
        let read = |mut reader: ArchiveReader| {
            let mut buffer = vec![0; 1 << 16];
            while reader.read(&mut buffer).unwrap() > 0 {}
            black_box(buffer)
        };
        bench.iter_batched(parts, read, BatchSize::LargeInput);
    });
    group.finish();
}

/// The last messages of a long session, from a file whose beginning is never looked at.
fn read_end(criterion: &mut Criterion, file: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.jsonl.gz");
    fs_err::write(&path, file).unwrap();
    criterion.bench_function("read the last 64 KiB", |bench| {
        bench.iter(|| read_tail(black_box(&path), TAIL).unwrap());
    });
}

fn archived(plain: &[u8]) -> (Vec<u8>, Resume) {
    let mut sink = Memory::default();
    let written = write(plain, plain.len() as u64, &mut sink, &mut |_| {}).unwrap();
    (sink.0.remove(0), written.resume)
}

/// Records about this program's own source, which compress about as a session does.
fn session(length: usize) -> Vec<u8> {
    let sources = [
        include_str!("../src/archive/writer.rs"),
        include_str!("../src/sync/apply.rs"),
        include_str!("../src/source/walk.rs"),
        include_str!("../src/vault/tree.rs"),
        include_str!("../README.md"),
    ];
    let lines: Vec<&str> = sources.iter().flat_map(|text| text.lines()).collect();
    let mut random: u64 = 1;
    let mut bytes = Vec::with_capacity(length + (64 << 10));
    while bytes.len() < length {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let first = usize::try_from(random >> 33).unwrap() % lines.len();
        let count = 5 + usize::try_from(random >> 50).unwrap() % 60;
        let read = lines[first..(first + count).min(lines.len())].join("\n");
        let record = serde_json::json!({
            "type": "user", "uuid": format!("{random:016x}-{:016x}", random.rotate_left(23)),
            "message": { "role": "user", "content": [{ "type": "tool_result", "content": read }] },
        });
        bytes.extend_from_slice(record.to_string().as_bytes());
        bytes.push(b'\n');
    }
    bytes.truncate(length);
    bytes
}
