//! Commands of the raft log, applied one after another: any of them may be refused, none may stop a
//! scheduler, and a snapshot between any two is the same state.
#![no_main]

use kumi_proto::v1::Command;
use kumi_scheduler::{State, version};
use prost::Message as _;

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::control::seed("commands"), |data: &[u8]| {
    let mut state = State::default();
    let mut rest = data;
    let mut index = 0;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        let (command, after) = after.split_at(length);
        rest = after;
        let Ok(command) = Command::decode(command) else {
            continue;
        };
        index += 1;
        let _ = state.apply(index, version::NEWEST, &command);
    }
    let snapshot = state.snapshot();
    let again = State::restore(&snapshot).expect("what was written is read");
    assert_eq!(again.snapshot(), snapshot);
});
