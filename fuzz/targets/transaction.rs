//! Any bytes: decoding never panics, and what decodes encodes to the same bytes.
#![no_main]

use primitives::codec::{Decode, Encode};
use primitives::tx::Transaction;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(tx) = Transaction::from_bytes(data) {
        assert_eq!(tx.to_bytes(), data);
        assert_eq!(tx.total_size(), data.len());
    }
});
