#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| claude_backup::fuzzing::hold("ssh_addresses", bytes));
