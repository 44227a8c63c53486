//! The memory of the process, from `/proc`, and of its largest parts.

use std::fs;

use serde_json::{Value, json};

use chain::index::HEADER_MEMORY;
use node::view::View;
use rpc::error::{CallError, ErrorKind};

/// The number of bytes behind a name of `/proc/self/status`.
fn status(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The process's resident memory in bytes, where the system shows it.
pub fn resident_bytes() -> Option<u64> {
    status(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS")
}

pub fn report(view: &View, running: bool) -> Result<Value, CallError> {
    let text = fs::read_to_string("/proc/self/status")
        .map_err(|e| CallError::new(ErrorKind::File, format!("/proc/self can't be read: {e}")))?;
    let field = |name: &str| status(&text, name);
    // The header tree is read at the node's first act, so this is what it takes then.
    let headers = view.read()?.header_count()? * HEADER_MEMORY;
    let pool = view.pool.read().bytes() as u64;
    let parts = json!({
        "headers": if running { headers } else { 0 },
        "pool": pool,
        "store_cache_at_most": view.store().cache_bytes(),
    });
    Ok(json!({
        "process": std::process::id(),
        "rss": field("VmRSS"),
        "peak": field("VmHWM"),
        "heap_and_stacks": field("RssAnon"),
        "files": field("RssFile"),
        "swapped": field("VmSwap"),
        "threads": text.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse::<u64>().ok()),
        "parts": parts,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_lines() {
        let text = "Name:\tx\nVmRSS:\t     120 kB\nRssAnon:\t 7 kB\n";
        assert_eq!(status(text, "VmRSS"), Some(120 << 10));
        assert_eq!((status(text, "RssAnon"), status(text, "Vm")), (Some(7 << 10), None));
    }
}
