//! Any bytes as a request or a reply of a door.
#![no_main]

use forthcoin::api::table;
use forthcoin::api::wire::{read_reply, read_request};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = read_reply(data);
    if let Ok(asked) = read_request(data)
        && let Ok(entry) = table::find(&asked.request.method)
    {
        let _ = entry.arrange(asked.request.params);
    }
});
