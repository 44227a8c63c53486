//! The command line: one-liners with and without a node, errors, exit codes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::run::{NodeProcess, evaluate, forthcoin, regtest, vector, with_input};

const TIP_206: &str = "init-storage get-height . bye";

#[test]
fn the_one_liner_on_a_fresh_folder() {
    let home = tempfile::tempdir().expect("a folder");
    let ran: super::run::Ran = forthcoin()
        .env("HOME", home.path())
        .env_remove("XDG_DATA_HOME")
        .args(["-e", TIP_206])
        .output()
        .expect("the program starts")
        .into();
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "0 ", ""));
}

#[test]
fn arithmetic_touches_no_disk() {
    let home = tempfile::tempdir().expect("a folder");
    let output = forthcoin()
        .env("HOME", home.path())
        .env_remove("XDG_DATA_HOME")
        .args(["-e", ": sq dup * ; 7 sq . bye"])
        .output()
        .expect("the program starts");
    assert_eq!(output.stdout, b"49 ");
    assert_eq!(fs::read_dir(home.path()).expect("listed").count(), 0, "something was written");
}

#[test]
fn an_error_shows_place_caret_and_code() {
    let ran = evaluate("1 0 / bye");
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.out, "");
    let lines: Vec<&str> = ran.err.lines().collect();
    assert!(lines[0].contains(":1:5:") && lines[0].contains("THROW -10"), "{}", ran.err);
    assert!(lines[1].ends_with("1 0 / bye"), "{}", ran.err);
    assert_eq!(lines[2].find('^'), lines[1].find('/'), "{}", ran.err);
}

#[test]
fn an_undefined_word_is_told_and_guessed() {
    let ran = evaluate("get-hieght .");
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("did you mean") && ran.err.contains("get-height"), "{}", ran.err);
}

/// Forth-2012 11.6.1.2218 and 11.6.2.2144.10: however a file comes in, it is a file, known by one
/// name.
#[test]
fn a_file_named_on_the_command_line_is_a_source_like_any_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("written");
    };
    fs::create_dir(folder.path().join("sub")).expect("made");
    write("sub/outer.fs", "source-id 0> . source-id file-size . d. include inner.fs cr");
    write("sub/inner.fs", ".\" beside \"");
    write("inner.fs", ".\" here \"");
    let run = |arguments: &[&str]| -> super::run::Ran {
        let mut command = forthcoin();
        command.current_dir(folder.path()).arg("--offline").args(arguments);
        command.output().expect("the program starts").into()
    };
    let outer = run(&["sub/outer.fs", "-e", "bye"]);
    assert_eq!((outer.out.as_str(), outer.err.as_str()), ("-1 0 59 beside \n", ""));
    let whole = folder.path().join("sub/inner.fs");
    let again = format!("require sub/../sub/inner.fs require {} bye", whole.display());
    let once = run(&["sub/inner.fs", "-e", &again]);
    assert_eq!((once.out.as_str(), once.err.as_str()), ("beside ", ""));
}

#[test]
fn exit_codes() {
    assert_eq!(evaluate("3 (bye)").code, Some(3));
    assert_eq!(evaluate("1 throw").code, Some(1));
    assert_eq!(evaluate(": unfinished").code, Some(1));
    let usage = forthcoin().arg("--nonsense").output().expect("the program starts");
    assert_eq!(usage.status.code(), Some(2));
    let absent = forthcoin().arg("no-such-file.fs").output().expect("the program starts");
    assert_eq!(absent.status.code(), Some(2));
}

#[test]
fn standard_input_is_a_script() {
    let ran = with_input(&[], b": sq dup * ;\n7 sq .\n");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "49 "));
    let broken = with_input(&[], b"1 .\nnonsense\n2 .\n");
    assert_eq!((broken.code, broken.out.as_str()), (Some(1), "1 "));
    let kept = with_input(&["--keep-going"], b"1 .\nnonsense\n2 .\n");
    assert_eq!((kept.code, kept.out.as_str()), (Some(0), "1 2 "));
    assert_eq!(with_input(&[], b": unfinished\n").code, Some(1));
}

#[test]
fn the_published_chain_imports_and_every_door_shows_the_same() {
    let Some(blocks) = vector("blocks/regtest-core-206.hex") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let import = format!("init-storage import-blocks {} get-height . bye", blocks.display());
    let imported = regtest(folder.path(), &["-e", &import]);
    assert_eq!(imported.code, Some(0), "{}", imported.err);
    assert!(imported.out.ends_with("206 "), "{}", imported.out);

    let looks = [
        "init-storage get-height . bye",
        "init-storage get-best-hash type bye",
        "init-storage chain-info block 206 block 0 206 get-block-hash type bye",
        "init-storage verify-chain difficulty network version bye",
    ];
    for json in [false, true] {
        let look = |code: &str| {
            let mut arguments = vec!["-e", code];
            if json {
                arguments.push("--json");
            }
            regtest(folder.path(), &arguments)
        };
        let embedded: Vec<_> = looks.iter().map(|code| look(code)).collect();
        let node = NodeProcess::start(folder.path());
        for (code, embedded) in looks.iter().zip(&embedded) {
            let attached = look(code);
            assert_eq!(attached.code, Some(0), "{}", attached.err);
            assert_eq!(attached.out, embedded.out, "{code}");
        }
        assert_eq!(node.stop(), Some(0));
    }

    // A second import finds everything known; an export gives the file back.
    let again = regtest(folder.path(), &["-e", &import]);
    assert!(again.out.contains("imported 0 blocks, 206 already known"), "{}", again.out);
    let exported = folder.path().join("out.hex");
    let export = format!("init-storage export-blocks {} bye", exported.display());
    assert_eq!(regtest(folder.path(), &["-e", &export]).code, Some(0));
    let lines = |path| -> Vec<String> {
        fs::read_to_string(path).expect("readable").lines().map(str::to_owned).collect()
    };
    assert_eq!(lines(exported.clone()), lines(blocks));
    // What is there is not written over.
    fs::write(&exported, "mine").expect("written");
    let twice = regtest(folder.path(), &["-e", &export]);
    assert!(twice.code == Some(1) && twice.err.contains("delete it first"), "{}", twice.err);
    assert_eq!(fs::read(&exported).expect("readable"), b"mine");
    assert!(!folder.path().join("out.hex.part").exists());
}

#[test]
fn blocks_may_come_in_any_order_but_not_without_parents() {
    let Some(blocks) = vector("blocks/regtest-core-206.hex") else { return };
    let text = fs::read_to_string(blocks).expect("readable");
    let mut lines: Vec<&str> = text.lines().collect();
    lines.reverse();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("reversed.hex");
    fs::write(&file, lines.join("\n")).expect("written");
    let import = format!("init-storage import-blocks {} get-height . bye", file.display());
    let ran = regtest(folder.path(), &["-e", &import]);
    assert!(ran.out.ends_with("206 "), "{} {}", ran.out, ran.err);

    fs::write(&file, lines[..100].join("\n")).expect("written");
    let fresh = folder.path().join("fresh");
    let ran = regtest(&fresh, &["-e", &import]);
    assert_eq!(ran.code, Some(5), "{} {}", ran.out, ran.err);
    assert!(ran.err.contains("100 blocks name parents"), "{}", ran.err);
}

#[test]
fn a_second_node_is_refused_and_told_who_holds_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = NodeProcess::start(folder.path());
    let second = regtest(folder.path(), &[]);
    assert_eq!(second.code, Some(3), "{}", second.err);
    let holder = format!("process {}", node.child.id());
    assert!(second.err.contains(&holder), "{}", second.err);
    // Two consoles on one node are fine.
    for _ in 0..2 {
        assert_eq!(regtest(folder.path(), &["-e", TIP_206]).out, "0 ");
    }
}

#[test]
fn a_stale_socket_is_no_obstacle() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut node = NodeProcess::start(folder.path());
    node.child.kill().expect("killed");
    node.child.wait().expect("ended");
    assert!(folder.path().join("regtest/control.sock").exists());
    assert_eq!(regtest(folder.path(), &["-e", TIP_206]).out, "0 ");
    let node = NodeProcess::start(folder.path());
    let mode =
        fs::metadata(folder.path().join("regtest/control.sock")).expect("there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    assert_eq!(node.stop(), Some(0));
    assert!(!folder.path().join("regtest/control.sock").exists());
}

#[test]
fn bad_files_are_refused_and_what_came_before_is_kept() {
    let Some(blocks) = vector("blocks/regtest-core-206.hex") else { return };
    let text = fs::read_to_string(blocks).expect("readable");
    let lines: Vec<&str> = text.lines().collect();
    let folder = tempfile::tempdir().expect("a folder");
    let mut flipped = lines[10].to_owned();
    let last = if flipped.ends_with('0') { "1" } else { "0" };
    flipped.replace_range(flipped.len() - 1.., last);
    for (name, content, code, wants) in [
        ("flipped", format!("{}\n{flipped}\n", lines[..10].join("\n")), 5, "refused"),
        ("cut", format!("{}\n{}", lines[..10].join("\n"), &lines[10][..300]), 5, "line 11"),
        ("odd", format!("{}\nabc\n", lines[..10].join("\n")), 5, "line 11"),
        ("noise", "\u{1}\u{2}\u{3}noise".to_owned(), 5, ""),
        ("absent", String::new(), 1, "absent"),
    ] {
        let data = folder.path().join(name);
        let file = folder.path().join(format!("{name}.hex"));
        if name != "absent" {
            fs::write(&file, content).expect("written");
        }
        let import = format!("init-storage import-blocks {} bye", file.display());
        let ran = regtest(&data, &["-e", &import]);
        assert_eq!(ran.code, Some(code), "{name}: {}", ran.err);
        assert!(ran.err.contains(wants), "{name}: {}", ran.err);
        let kept = if ["flipped", "cut", "odd"].contains(&name) { "10 " } else { "0 " };
        assert_eq!(regtest(&data, &["-e", TIP_206]).out, kept, "{name}");
    }
}

#[test]
fn folders_that_can_not_serve_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").expect("written");
    let ran = regtest(&file, &["-e", TIP_206]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("--datadir"), "{}", ran.err);

    // A chain of one network in the folder of another.
    let Some(blocks) = vector("blocks/regtest-core-206.hex") else { return };
    let import = format!("init-storage import-blocks {} bye", blocks.display());
    assert_eq!(regtest(folder.path(), &["-e", &import]).code, Some(0));
    fs::copy(folder.path().join("regtest/chain.redb"), folder.path().join("chain.redb"))
        .expect("copied");
    let mut main = forthcoin();
    main.arg("--datadir").arg(folder.path()).args(["-e", TIP_206]);
    let ran: super::run::Ran = main.output().expect("the program starts").into();
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("regtest"), "{}", ran.err);

    // Not a database at all.
    fs::write(folder.path().join("regtest/chain.redb"), vec![7u8; 8192]).expect("written");
    let ran = regtest(folder.path(), &["-e", TIP_206]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
}

#[test]
fn a_closed_output_ends_quietly() {
    use std::process::Stdio;
    let mut child = forthcoin()
        .args(["-e", ": forever begin 1 . again ; forever"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_sandbox_is_shut() {
    for code in ["init-storage", "s\" /etc/passwd\" r/o open-file throw", "include /etc/passwd"] {
        let ran: super::run::Ran = forthcoin()
            .args(["--sandbox", "-e", code])
            .output()
            .expect("the program starts")
            .into();
        assert_eq!(ran.code, Some(1), "{code}: {} {}", ran.out, ran.err);
    }
}
