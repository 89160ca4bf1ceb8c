//! The variables by which tools are told to use colours where they have no terminal: their output
//! goes to a terminal in the end.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// What most tools understand one of.
const FORCE: [(&str, &str); 5] = [
    // CMake, ninja, cargo, rustc, Zig, and what follows bixense.com/clicolors.
    ("CLICOLOR_FORCE", "1"),
    // Node's tools, Python and its tools.
    ("FORCE_COLOR", "1"),
    ("GTEST_COLOR", "yes"),
    ("MYPY_FORCE_COLOR", "1"),
    ("PY_COLORS", "1"),
];

/// For versions of cargo that know no other. A compiler cache makes every variable of cargo's part
/// of its key, so it is not set where there is one.
const CARGO: (&str, &str) = ("CARGO_TERM_COLOR", "always");
const COMPILER_CACHES: [&str; 2] = ["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"];

/// Names those that were added, so that a build inside the build is no other action for them.
const ADDED: &str = "BD_COLORED";

/// What says that none are wanted, or which: then nothing is added.
fn says(name: &str, value: &OsStr) -> bool {
    match name {
        "NO_COLOR" | "FORCE_COLOR" | "NODE_DISABLE_COLORS" => !value.is_empty(),
        "CLICOLOR" | "CLICOLOR_FORCE" => value == "0",
        _ => false,
    }
}

/// Adds them to the environment of a command, unless it says itself what is wanted.
pub fn add(environment: &mut Vec<(OsString, OsString)>) {
    let has = |matches: &dyn Fn(&str, &OsStr) -> bool| {
        environment.iter().any(|(name, value)| name.to_str().is_some_and(|n| matches(n, value)))
    };
    if has(&says) {
        return;
    }
    let set = |wanted: &str| has(&|name, value| name == wanted && !value.is_empty());
    let cached = COMPILER_CACHES.iter().any(|name| set(name));
    let added = FORCE.into_iter().chain((!cached).then_some(CARGO));
    let added = added.filter(|(name, _)| !set(name));
    let added: Vec<(OsString, OsString)> =
        added.map(|(name, value)| (name.into(), value.into())).collect();
    // One that is set to nothing says nothing.
    environment.retain(|(name, _)| !added.iter().any(|(added, _)| added == name));
    let names: Vec<_> = added.iter().filter_map(|(name, _)| name.to_str()).collect();
    environment.push((ADDED.into(), names.join(",").into()));
    environment.extend(added);
}

/// Takes out what was added for a build in which this command is run.
pub fn remove(environment: &mut BTreeMap<OsString, OsString>) {
    let Some(added) = environment.remove(OsStr::new(ADDED)) else { return };
    for name in added.to_str().unwrap_or_default().split(',') {
        environment.remove(OsStr::new(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added_to(given: &[(&str, &str)]) -> Vec<String> {
        let given = given.iter().map(|(name, value)| (name.into(), value.into()));
        let mut environment: Vec<(OsString, OsString)> = given.collect();
        add(&mut environment);
        let shown = |(name, value): &(OsString, OsString)| {
            format!("{}={}", name.display(), value.display())
        };
        environment.iter().map(shown).collect()
    }

    #[test]
    fn colours_are_asked_for_unless_somebody_has_said_something() {
        let all = added_to(&[("PATH", "/bin"), ("FORCE_COLOR", "")]);
        for expected in
            ["PATH=/bin", "CLICOLOR_FORCE=1", "FORCE_COLOR=1", "CARGO_TERM_COLOR=always"]
        {
            assert!(all.contains(&expected.to_owned()), "{expected}: {all:?}");
        }
        assert!(!all.contains(&"FORCE_COLOR=".to_owned()));
        for opinion in ["NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            assert_eq!(added_to(&[(opinion, "0")]), [format!("{opinion}=0")]);
        }
        let one = added_to(&[("CARGO_TERM_COLOR", "never"), ("CLICOLOR", "1")]);
        assert!(one.contains(&"CARGO_TERM_COLOR=never".to_owned()), "{one:?}");
        assert!(one.contains(&"FORCE_COLOR=1".to_owned()), "{one:?}");
    }

    #[test]
    fn what_was_added_is_taken_out_and_nothing_else() {
        let given = [("PATH", "/bin"), ("CARGO_TERM_COLOR", "auto")];
        let given = given.map(|(name, value)| (name.into(), value.into()));
        let mut environment: Vec<(OsString, OsString)> = given.to_vec();
        add(&mut environment);
        let mut inside: BTreeMap<_, _> = environment.into_iter().collect();
        remove(&mut inside);
        assert_eq!(inside, BTreeMap::from(given));
    }

    #[test]
    fn a_compiler_cache_sees_no_other_variables_of_cargo() {
        let with = added_to(&[("RUSTC_WRAPPER", "sccache")]);
        assert!(!with.iter().any(|one| one.starts_with("CARGO_")), "{with:?}");
        assert!(with.contains(&"CLICOLOR_FORCE=1".to_owned()));
    }
}
