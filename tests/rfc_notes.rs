//! RFC-NOTES.md keeps its word: no row is missing, the files and tests it names exist, and each test named after a row
//! belongs to one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const NOTES: &str = include_str!("../RFC-NOTES.md");

/// The cells of each row of the tables.
fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    let is_row = |line: &&str| line.starts_with("| R") || line.starts_with("| H");
    NOTES.lines().filter(is_row).map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
}

#[test]
fn every_row_is_there() {
    let expected = (1..=199).map(|n| format!("R{n}")).chain((1..=31).map(|n| format!("H{n}")));
    let found = rows().map(|cells| cells[0].to_owned());
    assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn every_row_has_a_test_or_says_why_not() {
    for cells in rows() {
        let tests = cells[cells.len() - 1];
        let says_why = |word: &str| tests.strip_prefix(word).is_some_and(|reason| reason.len() > 2);
        assert!(tests.starts_with('`') || says_why("later:") || says_why("n/a:"), "{}: {tests}", cells[0]);
    }
}

#[test]
fn every_place_named_exists() {
    for cells in rows() {
        let place = cells[cells.len() - 2];
        assert!(place == "–" || Path::new(env!("CARGO_MANIFEST_DIR")).join(place).exists(), "{}: {place}", cells[0]);
    }
}

#[test]
fn every_test_named_exists() {
    let tests = test_names();
    for cells in rows() {
        for name in cells[cells.len() - 1].split('`').skip(1).step_by(2) {
            let prefix = name.strip_suffix('*');
            let exists =
                prefix.map_or(tests.contains(name), |prefix| tests.iter().any(|test| test.starts_with(prefix)));
            assert!(exists, "{}: there is no test {name}", cells[0]);
        }
    }
}

#[test]
fn every_test_named_after_a_row_is_found_from_it() {
    for name in test_names() {
        for word in name.split('_').take_while(|word| row_of(word).is_some()) {
            let row = row_of(word).expect("was asked");
            let cells = rows().find(|cells| cells[0] == row).unwrap_or_else(|| panic!("{name}: no row {row}"));
            let tests = cells[cells.len() - 1];
            let found = tests.contains(&format!("`{name}`")) || tests.contains(&format!("`{word}_*`"));
            assert!(found, "{row} does not name {name}");
        }
    }
}

/// `R86` for `r086`, `H3` for `h03`.
fn row_of(word: &str) -> Option<String> {
    let (letter, digits) = word.split_at_checked(1)?;
    let number: u32 = digits.parse().ok()?;
    ["r", "h"].contains(&letter).then(|| format!("{}{number}", letter.to_uppercase()))
}

/// The names of all functions in the sources and tests.
fn test_names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for dir in ["src", "tests"] {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(dir), &mut names);
    }
    names
}

fn collect(dir: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(dir).expect("a directory of the repository") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).expect("a source file");
            for function in source.split("fn ").skip(1) {
                names.extend(function.split_once('(').map(|(name, _)| name.to_owned()));
            }
        }
    }
}
