//! Calls of every method with anything in them: each is answered, and the scheduler goes on.
#![no_main]

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::control::seed("rpc"), |data: &[u8]| {
    kumi_fuzz::rpc::call(data);
});
