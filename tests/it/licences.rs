//! Every dependency of the binary has a licence that lets us ship it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// SPDX names that we accept; an expression is fine when one of its alternatives is.
const ACCEPTED: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "0BSD",
    "BSL-1.0",
];

fn accepted(expression: &str) -> bool {
    let alternatives = expression.replace('/', " OR ");
    alternatives.split(" OR ").any(|alternative| {
        alternative
            .split(" AND ")
            .all(|name| ACCEPTED.contains(&name.trim().trim_matches(['(', ')'])))
    })
}

#[test]
fn licences_of_dependencies() {
    let version = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages: BTreeMap<&str, &Value> = metadata["packages"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|package| (package["id"].as_str().expect("an id"), package))
        .collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = BTreeSet::new();
    for package in packages.values() {
        let name = package["name"].as_str().unwrap_or_default();
        let licence = package["license"].as_str().unwrap_or_default();
        *counts.entry(licence).or_default() += 1;
        if !accepted(licence) {
            wrong.insert(format!("{name}: {licence:?}"));
        }
    }
    println!("{counts:#?}");
    assert!(packages.len() > 20);
    assert!(wrong.is_empty(), "licences to look at: {wrong:#?}");
}

#[test]
fn expressions() {
    assert!(
        accepted("MIT OR Apache-2.0") && accepted("(MIT OR GPL-3.0)") && accepted("MIT/GPL-2.0")
    );
    assert!(accepted("(MIT OR Apache-2.0) AND Unicode-3.0"));
    assert!(!accepted("GPL-3.0") && !accepted("") && !accepted("MIT AND GPL-3.0"));
}
