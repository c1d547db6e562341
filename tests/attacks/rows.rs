//! The table in SECURITY.md keeps its word, both ways: each attack has a test or a reason, and each test has its row.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const SECURITY: &str = include_str!("../../SECURITY.md");

/// Number, reaction and tests of each row.
fn rows() -> impl Iterator<Item = (u32, Vec<&'static str>)> {
    let cells = |line: &'static str| line.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>();
    SECURITY.lines().filter(|line| line.starts_with("| A")).map(cells).filter_map(|cells| {
        let number = cells[0].strip_prefix('A')?.parse().ok()?;
        Some((number, cells))
    })
}

#[test]
fn every_row_is_there_and_has_a_test_or_a_reason() {
    let numbers: Vec<u32> = rows().map(|(number, _)| number).collect();
    assert_eq!(numbers, (1..=64).collect::<Vec<_>>());
    for (number, cells) in rows() {
        assert_eq!(cells.len(), 4, "A{number}");
        let says_why =
            ["later: ", "n/a: "].iter().any(|word| cells[3].len() > word.len() + 10 && cells[3].starts_with(word));
        assert!(says_why || cells[3].starts_with('`'), "A{number}: {}", cells[3]);
    }
}

#[test]
fn every_test_named_in_a_row_exists() {
    let tests = functions(Path::new(env!("CARGO_MANIFEST_DIR")));
    for (number, cells) in rows() {
        for name in names(cells[3]) {
            assert!(tests.contains(name), "A{number}: there is no test {name}");
        }
    }
}

#[test]
fn every_test_of_an_attack_is_named_in_its_row() {
    let tests = functions(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks"));
    let named_after_a_row = tests.iter().filter(|name| row_of(name.split('_').next().unwrap_or_default()).is_some());
    for name in named_after_a_row {
        for number in name.split('_').map_while(row_of) {
            let row = rows().find(|(row, _)| *row == number);
            let is_named = row.is_some_and(|(_, cells)| names(cells[3]).any(|named| named == name));
            assert!(is_named, "A{number} does not name {name}");
        }
    }
}

/// What stands in backquotes.
fn names(cell: &'static str) -> impl Iterator<Item = &'static str> {
    cell.split('`').skip(1).step_by(2)
}

/// 7 for `a07`.
fn row_of(word: &str) -> Option<u32> {
    let digits = word.strip_prefix('a').filter(|digits| digits.len() == 2)?;
    digits.parse().ok()
}

/// The names of all functions in the sources and tests below.
fn functions(dir: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut dirs = if dir.ends_with("attacks") { vec![dir.into()] } else { vec![dir.join("src"), dir.join("tests")] };
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).expect("a directory of the repository") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = fs::read_to_string(&path).expect("a source file");
                let functions = source.split("fn ").skip(1).filter_map(|rest| rest.split_once('('));
                names.extend(functions.map(|(name, _)| name.to_owned()));
            }
        }
    }
    names
}
