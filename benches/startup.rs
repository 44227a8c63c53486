//! The health one-liner as a whole process, beside `gforth -e bye`, in turn: medians and ratios.
//!
//! ```text
//! ./scripts/build && cargo bench --bench startup [-- FILE-OF-REGTEST-BLOCKS]
//! ```
//! Measures the release binary on a fresh folder, on a folder with the file's chain, and attached
//! to a node that runs on it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const RUNS: usize = 60;
const HEALTH: &str = "init-storage get-height . bye";

fn main() {
    let file = std::env::args().skip(1).find(|arg| arg != "--bench");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let binary = target.join("release/forthcoin");
    let folder = tempfile::tempdir().expect("a folder");
    let ours = |data: &str| {
        let mut command = Command::new(&binary);
        command.args(["regtest", "--datadir"]).arg(folder.path().join(data));
        command
    };
    let health = |data: &str| {
        let mut command = ours(data);
        command.args(["-e", HEALTH]);
        command
    };
    compare("fresh folder", || health("fresh"));
    let Some(file) = file else { return };
    let import = format!("init-storage import-blocks {file} bye");
    let imported = ours("chain").args(["-e", &import]).status().expect("the release binary runs");
    assert!(imported.success(), "the import failed");
    compare("folder with a chain", || health("chain"));
    let mut node = ours("chain").stdin(Stdio::null()).spawn().expect("a node");
    let socket = folder.path().join("chain/regtest/control.sock");
    while std::os::unix::net::UnixStream::connect(&socket).is_err() {}
    compare("attached to a node", || health("chain"));
    node.kill().expect("the node ends");
    node.wait().expect("the node ends");
}

/// Runs ours and gforth in turn and prints both medians.
fn compare(what: &str, ours: impl Fn() -> Command) {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        let mut gforth = Command::new("gforth");
        gforth.args(["-e", "bye"]);
        for (times, mut command) in times.iter_mut().zip([ours(), gforth]) {
            command.stdin(Stdio::null()).stdout(Stdio::null());
            let start = Instant::now();
            assert!(command.status().expect("gforth and ours run").success());
            times.push(start.elapsed().as_secs_f64() * 1000.0);
        }
    }
    let [ours, gforth] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    println!("{what:<22} {ours:6.2} ms   gforth {gforth:6.2} ms   ratio {:.2}", ours / gforth);
}
