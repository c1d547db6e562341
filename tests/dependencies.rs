//! What comes along with bowsprit: six crates and what those need for the core, a short list for the server.

use std::collections::BTreeSet;
use std::env;
use std::process::Command;

/// The core's own dependencies. `cpufeatures` is in sha1's tree anyway.
const CORE: [&str; 6] = ["base64", "bytes", "cpufeatures", "httparse", "sha1", "simdutf8"];
/// Crates under the core's dependencies, all of them sha1's.
const UNDER_CORE: [&str; 8] =
    ["block-buffer", "cfg-if", "cpufeatures", "crypto-common", "digest", "hybrid-array", "libc", "typenum"];
const MOST_BY_DEFAULT: usize = 20;

#[test]
fn the_core_needs_six_crates_and_what_those_need() {
    let direct = tree(&["--no-default-features", "--depth", "1"]);
    let unexpected: Vec<_> = direct.iter().filter(|name| !CORE.contains(&name.as_str())).collect();
    assert!(unexpected.is_empty(), "the core depends on {unexpected:?}");

    let all = tree(&["--no-default-features"]);
    let unexpected: Vec<_> = all.difference(&direct).filter(|name| !UNDER_CORE.contains(&name.as_str())).collect();
    assert!(unexpected.is_empty(), "under the core's dependencies there are {unexpected:?}");
    println!("core: {} crates: {all:?}", all.len());
}

#[test]
fn the_default_tree_stays_small() {
    let all = tree(&[]);
    assert!(all.contains("mio"), "the default features bring the server: {all:?}");
    assert!(all.len() <= MOST_BY_DEFAULT, "{} crates: {all:?}", all.len());
    println!("default: {} crates: {all:?}", all.len());
}

/// Names of the crates below bowsprit that end up in a program on this platform.
fn tree(args: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).unwrap();
    names
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| *name != "bowsprit")
        .map(String::from)
        .collect()
}
