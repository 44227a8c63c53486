//! Any bytes as a request or a reply of a door.
#![no_main]

use rpc::table;
use rpc::wire::{Message, append_reply, read_message, read_reply, read_request};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = read_reply(data);
    let items = match read_message(data) {
        Message::One(item) => vec![item],
        Message::Batch(items) => items,
    };
    for refused in items.into_iter().filter_map(Result::err) {
        append_reply(&mut Vec::new(), refused.version, &refused.id, &Err(refused.error));
    }
    if let Ok(asked) = read_request(data)
        && let Ok(entry) = table::find(&asked.request.method)
    {
        let _ = entry.arrange(asked.request.params);
    }
});
