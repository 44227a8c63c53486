//! The network as the command line and the console hold it. Peers of other programs, meshes and
//! hostile sockets are in `tests/peers/net.sh`.

use std::net::{TcpListener, TcpStream};
use std::path::Path;

use super::run::{NodeProcess, Ran, regtest};

const ADDRESS: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

fn free_port() -> u16 {
    let probe = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    probe.local_addr().expect("bound").port()
}

/// A node with five blocks that listens.
fn with_blocks(folder: &Path) -> (NodeProcess, String) {
    let place = format!("127.0.0.1:{}", free_port());
    let node = NodeProcess::start_with(folder, &[&format!("--listen={place}")]);
    let mined = regtest(folder, &["-e", &format!("init-storage mine-blocks 5 {ADDRESS} bye")]);
    assert_eq!(mined.code, Some(0), "{}", mined.err);
    (node, place)
}

fn console(options: &[&str], code: &str) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    regtest(folder.path(), &[options, &["-e", code]].concat())
}

#[test]
fn a_one_liner_follows_the_peer_of_its_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let (node, place) = with_blocks(folder.path());
    let peer = format!("--peer={place}");
    let code = "init-storage init-network 60 wait-synced get-height . bye";
    let synced = console(&[&peer], code);
    assert_eq!((synced.code, synced.out.trim()), (Some(0), "5"), "{}", synced.err);
    // A replica, too, and it refuses changes.
    let replica = console(&[&peer, "--readonly"], code);
    assert_eq!((replica.code, replica.out.trim()), (Some(0), "5"), "{}", replica.err);
    let change = format!("init-storage init-network mine-blocks 1 {ADDRESS} bye");
    let refused = console(&[&peer, "--readonly"], &change);
    assert!(refused.code == Some(5) && refused.err.contains("read-only"), "{}", refused.err);
    // Without init-network nobody is dialled.
    let alone = console(&[&peer], "init-storage peer-count . get-height . bye");
    assert_eq!((alone.code, alone.out.trim()), (Some(0), "0 0"), "{}", alone.err);
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_console_listens_where_its_command_line_says() {
    let place = format!("127.0.0.1:{}", free_port());
    let listen = format!("--listen={place}");
    let heard = console(&[&listen], "init-storage init-network get-network-info type bye");
    assert!(heard.code == Some(0) && heard.out.contains(&place), "{} {}", heard.out, heard.err);
    let taken = TcpListener::bind(place.as_str()).expect("free again");
    let refused = console(&[&listen], "init-storage init-network bye");
    assert!(refused.code != Some(0) && refused.err.contains(&place), "{}", refused.err);
    drop(taken);
    assert!(TcpStream::connect(place.as_str()).is_err(), "somebody still listens");
}

#[test]
fn a_port_is_digits_and_nothing_else() {
    let wrong = console(&[], "init-storage connect 127.0.0.1 83x3 bye");
    assert!(wrong.code == Some(1) && wrong.err.contains("-24"), "{}", wrong.err);
}
