//! Runs the program as its users do.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a node may take to open its socket before a test gives up.
const START_LIMIT: Duration = Duration::from_secs(90);

/// The program under test, away from the environment of whoever runs the tests.
pub fn forthcoin() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forthcoin"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FORTHCOIN_")) {
        command.env_remove(name);
    }
    command.env("FORTHCOIN_LISTEN", "none");
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// A run with its output.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// `forthcoin regtest --datadir FOLDER` with more arguments.
pub fn regtest(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = forthcoin();
    command.arg("regtest").arg("--datadir").arg(folder).args(arguments);
    command.output().expect("the program starts").into()
}

/// `forthcoin -e CODE` with home in an empty folder.
pub fn evaluate(code: &str) -> Ran {
    let home = tempfile::tempdir().expect("a folder");
    let mut command = forthcoin();
    command.env("HOME", home.path()).env_remove("XDG_DATA_HOME").args(["-e", code]);
    command.output().expect("the program starts").into()
}

/// The program with text on its standard input.
pub fn with_input(arguments: &[&str], input: &[u8]) -> Ran {
    let mut command = forthcoin();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    // A program that has ended early does not read the rest.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("it ends").into()
}

/// A running node, killed when dropped.
pub struct NodeProcess {
    pub child: Child,
}

impl NodeProcess {
    /// Starts a regtest node on `folder` and waits for its socket.
    pub fn start(folder: &Path) -> NodeProcess {
        NodeProcess::start_with(folder, &[])
    }

    /// The same with more arguments.
    pub fn start_with(folder: &Path, arguments: &[&str]) -> NodeProcess {
        let mut command = forthcoin();
        command.arg("regtest").arg("--datadir").arg(folder).args(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("the program starts");
        let node = NodeProcess { child };
        let socket = folder.join("regtest/control.sock");
        wait_until("the control socket", || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        });
        node
    }

    /// Asks it to stop and returns its exit code.
    pub fn stop(mut self) -> Option<i32> {
        terminate(&self.child);
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends SIGTERM.
pub fn terminate(child: &Child) {
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(status.expect("kill runs").success());
}

/// Waits for an event that has no handle to wait on.
pub fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < START_LIMIT, "{what} did not come");
        std::thread::yield_now();
    }
}

/// The published vectors, or `None` said aloud.
pub fn vector(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("FORTHCOIN_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors"),
        PathBuf::from,
    );
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("PUBLISHED VECTOR ABSENT: {}: this test shows nothing", path.display());
    None
}
