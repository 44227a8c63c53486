//! The memory of the process, from `/proc`, and of its largest parts.

use std::fs;

use rpc_types::upkeep::{MemoryInfo, MemoryParts};

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

pub fn report(view: &View, running: bool) -> Result<MemoryInfo, CallError> {
    let text = fs::read_to_string("/proc/self/status")
        .map_err(|e| CallError::new(ErrorKind::File, format!("/proc/self can't be read: {e}")))?;
    let told = |name: &str| status(&text, name);
    // The header tree is read at the node's first act, so this is what it takes then.
    let headers = view.read()?.header_count()? * HEADER_MEMORY;
    let pool = view.pool.read().bytes() as u64;
    let threads = text.lines().find_map(|line| line.strip_prefix("Threads:"));
    Ok(MemoryInfo {
        process: std::process::id(),
        rss: told("VmRSS"),
        peak: told("VmHWM"),
        heap_and_stacks: told("RssAnon"),
        files: told("RssFile"),
        swapped: told("VmSwap"),
        threads: threads.and_then(|count| count.trim().parse().ok()),
        parts: MemoryParts {
            headers: if running { headers } else { 0 },
            pool,
            store_cache_at_most: view.store().cache_bytes() as u64,
        },
    })
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
