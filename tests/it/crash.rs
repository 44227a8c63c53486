//! `kill -9` at random moments of an import: every reopening finds a consistent tip, and a chain
//! imported in pieces ends with the coins of one imported at once.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::run::{forthcoin, regtest, vector};

/// Kills of one run; `FORTHCOIN_KILLS` says more or fewer.
const KILLS: u32 = 200;

fn look(folder: &Path) -> (u64, String) {
    let code = "init-storage 0 get-height . get-utxo-set-info type bye";
    let ran = regtest(folder, &["-e", code]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let (height, coins) = ran.out.split_once(' ').expect("two parts");
    // How much disk the store takes depends on how often it wrote.
    let coins = coins.split(",\"disk_size\"").next().unwrap_or_default();
    (height.parse().expect("a number"), coins.to_owned())
}

#[test]
fn kill_nine_during_import_loses_nothing() {
    let Some(blocks) = vector("blocks/regtest-core-206.hex") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole");
    let import = format!("init-storage import-blocks {} bye", blocks.display());
    let start = std::time::Instant::now();
    assert_eq!(regtest(&whole, &["-e", &import]).code, Some(0));
    let span_us = start.elapsed().as_micros() as u64;
    let (height, coins) = look(&whole);
    assert_eq!(height, 206);

    // One durable commit a block, so that commits and kills meet everywhere.
    let script = folder.path().join("slowly.fs");
    let text = std::fs::read_to_string(&blocks).expect("readable");
    let lines: Vec<String> =
        text.lines().map(|line| format!("s\" {line}\" submit-block 2drop\n")).collect();
    let slowly = "init-storage\n".to_owned() + &lines.join("");
    std::fs::write(&script, slowly).expect("written");

    let kills = std::env::var("FORTHCOIN_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut killed = 0;
    for round in 0..kills {
        let data = folder.path().join(format!("data{}", round % 8));
        if round % 40 < 8 {
            let _ = std::fs::remove_dir_all(&data);
        }
        let mut command = forthcoin();
        command.arg("regtest").arg("--datadir").arg(&data);
        match round % 2 {
            0 => command.arg(&script),
            _ => command.args(["-e", &import]),
        };
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let delay = Duration::from_micros((seed >> 33) % (span_us * 2).max(1));
        let deadline = std::time::Instant::now() + delay;
        while std::time::Instant::now() < deadline {
            std::hint::spin_loop();
        }
        child.kill().expect("killed");
        killed += u32::from(!child.wait().expect("ended").success());
        let (height, _) = look(&data);
        let check = regtest(&data, &["-e", "init-storage verify-chain bye"]);
        assert_eq!(check.code, Some(0), "round {round} at {height}: {}", check.err);
        if round % 40 >= 32 {
            assert_eq!(regtest(&data, &["-e", &import]).code, Some(0));
            assert_eq!(look(&data), (206, coins.clone()), "round {round}");
        }
    }
    println!("{killed} of {kills} imports were killed in the middle");
    assert!(killed > kills / 4, "the kills came too late to show anything: {killed} of {kills}");
}
