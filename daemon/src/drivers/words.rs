//! A command's words, as drivers read them. Knows no tool.

use std::ffi::OsString;
use std::path::Path;

/// A program and its arguments.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    program: &'a str,
    arguments: &'a [OsString],
}

impl<'a> Words<'a> {
    /// The words of `argv`; `None` if it is empty, or its first word names no file in UTF-8.
    #[must_use]
    pub fn new(argv: &'a [OsString]) -> Option<Self> {
        let (first, arguments) = argv.split_first()?;
        let program = Path::new(first).file_name()?.to_str()?;
        Some(Self { program, arguments })
    }

    /// The program's file name, without the directories before it.
    #[must_use]
    pub fn program(&self) -> &'a str {
        self.program
    }

    /// The arguments that can be subcommands, scripts or goals. Options, assignments
    /// (`CC=clang`), a `+toolchain` and what is not UTF-8 are none. The value of an option that
    /// stands apart from it (`-C out`) counts as one: only the tool knows that it is not.
    pub fn plain(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.arguments
            .iter()
            .filter_map(|word| word.to_str())
            .filter(|word| !word.starts_with(['-', '+']) && !word.contains('='))
    }

    /// Whether `argument` is among the arguments.
    #[must_use]
    pub fn has(&self, argument: &str) -> bool {
        self.arguments.iter().any(|word| word == argument)
    }

    /// What follows each `option`, where it is UTF-8.
    pub fn values<'b>(&self, option: &'b str) -> impl Iterator<Item = &'a str> + use<'a, 'b> {
        self.arguments
            .windows(2)
            .filter(move |pair| pair[0] == option)
            .filter_map(|pair| pair[1].to_str())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt as _;

    /// The words of a line without quotes.
    pub(in crate::drivers) fn argv(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_program_is_a_file_name() {
        let program = |line| Words::new(&argv(line)).map(|words| words.program().to_owned());
        assert_eq!(program("/usr/bin/cargo check").as_deref(), Some("cargo"));
        assert_eq!(program("./x"), Some("x".into()));
        assert_eq!(program(""), None);
        assert_eq!(program(".."), None);
        assert!(Words::new(&[]).is_none());
        assert!(Words::new(&[OsString::from_vec(vec![0xff])]).is_none());
    }

    #[test]
    fn plain_words_are_neither_options_nor_assignments() {
        let mut line = argv("make -j8 +nightly CC=clang -C out all");
        line.push(OsString::from_vec(vec![b'a', 0xff]));
        let words = Words::new(&line).expect("a program");
        assert_eq!(words.plain().collect::<Vec<_>>(), ["out", "all"]);
        assert!(words.has("-j8") && words.has("CC=clang") && !words.has("make"));
    }

    #[test]
    fn values_stand_behind_their_option() {
        let line = argv("python -m pytest -m");
        let words = Words::new(&line).expect("a program");
        assert_eq!(words.values("-m").collect::<Vec<_>>(), ["pytest"]);
        assert_eq!(words.values("-c").count(), 0);
    }
}
