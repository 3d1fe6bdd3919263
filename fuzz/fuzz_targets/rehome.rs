#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| claude_backup::fuzzing::hold("rehome", bytes));
