//! A command's words, as drivers read them: its program, options, and the words between. Knows no
//! tool.

use std::ffi::OsString;
use std::path::Path;

/// A program and its arguments, or a verb of a program and what follows it.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    program: &'a str,
    arguments: &'a [OsString],
}

/// The options of a tool, as far as it takes to tell them from other words. With two dashes a
/// value can also stand behind a `=`; with one, short options can be written together (`-ks`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Syntax {
    /// Options that stand alone.
    pub(super) flags: &'static [&'static str],
    /// Options with a value, in the next word unless it is attached: `-C out`, `-Cout`.
    pub(super) valued: &'static [&'static str],
    /// Options that take the next word if it is a number: `-j 8`, `-j8`, `-j`.
    pub(super) counted: &'static [&'static str],
}

/// One or two words, taken together where they belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// An option that the syntax knows, by its name, and its value.
    Option(&'a str, Option<&'a str>),
    /// A word that is no option.
    Plain(&'a str),
    /// The two dashes that end the options.
    End,
    /// An option that the syntax does not know, or a word that is not UTF-8. Whether the next word
    /// is its value, nobody can say.
    Unknown,
}

/// The parts of a command, in their order.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    rest: &'a [OsString],
    syntax: Syntax,
}

impl<'a> Words<'a> {
    /// The words of `argv`; `None` if it is empty, or its first word names no file in UTF-8.
    #[must_use]
    pub fn new(argv: &'a [OsString]) -> Option<Self> {
        let (first, arguments) = argv.split_first()?;
        let program = Path::new(first).file_name()?.to_str()?;
        Some(Self { program, arguments })
    }

    /// The words of `program` with `arguments`.
    pub(super) fn of(program: &'a str, arguments: &'a [OsString]) -> Self {
        Self { program, arguments }
    }

    /// The program's file name, without the directories before it.
    #[must_use]
    pub fn program(&self) -> &'a str {
        self.program
    }

    /// All words behind the program.
    pub(super) fn arguments(&self) -> &'a [OsString] {
        self.arguments
    }

    /// The arguments as `syntax` takes them apart.
    pub(super) fn parts(&self, syntax: Syntax) -> Parts<'a> {
        Parts { rest: self.arguments, syntax }
    }

    /// The first word that is no option, with all that follows it. `None` if there is none, or if
    /// an option before it is not known: what follows such an option may be its value.
    pub(super) fn verb(&self, syntax: Syntax) -> Option<Self> {
        let mut parts = self.parts(syntax);
        loop {
            match parts.next()? {
                Part::Option(..) => {}
                Part::Plain(verb) => return Some(Self::of(verb, parts.rest)),
                Part::End | Part::Unknown => return None,
            }
        }
    }

    /// The command that stands behind the options, for a tool that starts another one. `None` as
    /// with [`Words::verb`].
    pub(super) fn started(&self, syntax: Syntax) -> Option<Self> {
        let mut parts = self.parts(syntax);
        loop {
            let here = parts.rest;
            match parts.next()? {
                Part::Option(..) => {}
                Part::Plain(_) => return Self::new(here),
                Part::End => return Self::new(parts.rest),
                Part::Unknown => return None,
            }
        }
    }

    /// All words that are no options; `None` if there is an option that is not known.
    pub(super) fn plain(&self, syntax: Syntax) -> Option<Vec<&'a str>> {
        let mut parts = self.parts(syntax);
        let mut plain = Vec::new();
        while let Some(part) = parts.next() {
            match part {
                Part::Option(..) => {}
                Part::Plain(word) => plain.push(word),
                Part::Unknown => return None,
                Part::End => {
                    for word in std::mem::take(&mut parts.rest) {
                        plain.push(word.to_str()?);
                    }
                }
            }
        }
        Some(plain)
    }

    /// The first argument, if it is UTF-8, with all that follows it.
    pub(super) fn first(&self) -> Option<Self> {
        let (first, rest) = self.arguments.split_first()?;
        Some(Self::of(first.to_str()?, rest))
    }

    /// The words before two dashes that stand alone, and the arguments behind them.
    pub(super) fn split(&self) -> (Self, &'a [OsString]) {
        match self.arguments.iter().position(|word| word == "--") {
            Some(at) => (Self::of(self.program, &self.arguments[..at]), &self.arguments[at + 1..]),
            None => (*self, &[]),
        }
    }

    /// Whether one of `options` is among the arguments, alone or with a value behind a `=`.
    pub(super) fn has(&self, options: &[&str]) -> bool {
        self.arguments.iter().filter_map(|word| word.to_str()).any(|word| {
            let name = word.split_once('=').map_or(word, |(name, _)| name);
            options.contains(&name)
        })
    }
}

impl Syntax {
    /// No options at all: the verb is the first word.
    pub(super) const NONE: Self = Self { flags: &[], valued: &[], counted: &[] };
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let (word, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(match word.to_str() {
            Some("--") => Part::End,
            Some(word) if word.starts_with('-') && word.len() > 1 => {
                self.option(word).unwrap_or(Part::Unknown)
            }
            Some(word) => Part::Plain(word),
            None => Part::Unknown,
        })
    }
}

impl<'a> Parts<'a> {
    /// What has not been taken yet.
    pub(super) fn rest(&self) -> &'a [OsString] {
        self.rest
    }

    fn option(&mut self, word: &'a str) -> Option<Part<'a>> {
        let (name, attached) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        if self.syntax.flags.contains(&name) {
            return Some(Part::Option(name, attached));
        }
        if self.syntax.valued.contains(&name) {
            let value = attached.or_else(|| self.take(|_| true))?;
            return Some(Part::Option(name, Some(value)));
        }
        if self.syntax.counted.contains(&name) {
            return Some(Part::Option(name, attached.or_else(|| self.take(is_number))));
        }
        if name.starts_with("--") { None } else { self.together(word) }
    }

    /// Takes short options apart that are written as one word, the last perhaps with its value.
    fn together(&mut self, word: &'a str) -> Option<Part<'a>> {
        let known = |options: &[&'static str], letter: char| {
            options.iter().copied().find(|option| option[1..].chars().eq([letter]))
        };
        let mut last = None;
        for (at, letter) in word.char_indices().skip(1) {
            let rest = &word[at + letter.len_utf8()..];
            if let Some(name) = known(self.syntax.flags, letter) {
                last = Some(Part::Option(name, None));
            } else if let Some(name) = known(self.syntax.valued, letter) {
                let value = if rest.is_empty() { self.take(|_| true)? } else { rest };
                return Some(Part::Option(name, Some(value)));
            } else {
                let name = known(self.syntax.counted, letter)?;
                let value = if rest.is_empty() { self.take(is_number) } else { Some(rest) };
                return Some(Part::Option(name, value)).filter(|_| value.is_none_or(is_number));
            }
        }
        last
    }

    /// The next word, if it is `wanted`.
    fn take(&mut self, wanted: impl Fn(&str) -> bool) -> Option<&'a str> {
        let (word, rest) = self.rest.split_first()?;
        let word = word.to_str().filter(|word| wanted(word))?;
        self.rest = rest;
        Some(word)
    }
}

fn is_number(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_ascii_digit())
        && word.chars().all(|letter| letter.is_ascii_digit() || letter == '.')
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt as _;

    /// The words of a line without quotes.
    pub(in crate::drivers) fn argv(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    const TOOL: Syntax =
        Syntax { flags: &["-k", "-s", "--quiet"], valued: &["-C", "--dir"], counted: &["-j"] };

    fn plain(line: &str) -> Option<Vec<String>> {
        let line = argv(line);
        let plain = Words::new(&line).expect("a program").plain(TOOL)?;
        Some(plain.into_iter().map(str::to_owned).collect())
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
    fn options_and_their_values_are_no_plain_words() {
        for line in [
            "t a b",
            "t -k a b",
            "t -ks a b",
            "t -C out a --quiet b",
            "t -Cout a b",
            "t -kCout a b",
            "t -kC out a b",
            "t --dir=out a --dir out b",
            "t --quiet=yes a b",
            "t -j a b",
            "t -j 8 a b",
            "t -kj8 a b",
            "t a -- b",
        ] {
            assert_eq!(
                plain(line).as_deref(),
                Some(&["a".to_owned(), "b".to_owned()][..]),
                "{line}"
            );
        }
        assert_eq!(plain("t - -- -k").as_deref(), Some(&["-".to_owned(), "-k".to_owned()][..]));
        for line in ["t -x a", "t --unknown a", "t -kx a", "t -jx a", "t a -C", "t --dirs a"] {
            assert_eq!(plain(line), None, "{line}");
        }
        let odd = [OsString::from("t"), OsString::from_vec(vec![b'a', 0xff])];
        assert_eq!(Words::new(&odd).expect("a program").plain(TOOL), None);
    }

    #[test]
    fn a_verb_stands_behind_known_options_only() {
        let verb = |line: &str| {
            let line = argv(line);
            let verb = Words::new(&line).expect("a program").verb(TOOL)?;
            Some((verb.program().to_owned(), verb.arguments().len()))
        };
        assert_eq!(verb("t -C out run -x"), Some(("run".into(), 1)));
        for line in ["t", "t -x run", "t -- run", "t -k"] {
            assert_eq!(verb(line), None, "{line}");
        }
    }

    #[test]
    fn what_is_started_may_stand_behind_dashes() {
        let started = |line: &str| {
            let line = argv(line);
            let started = Words::new(&line).expect("a program").started(TOOL)?;
            Some((started.program().to_owned(), started.arguments().len()))
        };
        assert_eq!(started("t -k /bin/x -k y"), Some(("x".into(), 2)));
        assert_eq!(started("t -- x y"), Some(("x".into(), 1)));
        for line in ["t", "t --", "t -x x"] {
            assert_eq!(started(line), None, "{line}");
        }
    }

    #[test]
    fn options_are_found_with_and_without_a_value() {
        let line = argv("t --fix=x -k -- --end");
        let words = Words::new(&line).expect("a program");
        assert!(words.has(&["--fix"]) && words.has(&["-x", "-k"]) && words.has(&["--end"]));
        assert!(!words.has(&["t", "--fi", "x"]));
        let (before, behind) = words.split();
        assert!(before.has(&["-k"]) && !before.has(&["--end"]));
        assert_eq!(behind, ["--end"]);
    }
}
