//! `entities` of `ha_fuzz::TARGETS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    (ha_fuzz::Target::named("entities").expect("it is one of them").run)(data);
});
