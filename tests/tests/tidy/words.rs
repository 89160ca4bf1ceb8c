//! Words that are not used here: names that say nothing, our own names for what the field has a
//! name for, macros that are left over, and what belongs to one machine only. Words count in
//! identifiers, names of files, and names in backticks; sentences may have them.

use crate::finding::Finding;
use crate::tree::{SourceFile, Tree};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;

/// Our own word of earlier days, and the field's. A word stands between underscores or capitals.
const OLD: &[(&str, &str)] = &[
    ("bell", "wake pipe"),
    ("clerk", "handle, worker"),
    ("desk", "registry"),
    ("giving_up", "cancellation"),
    ("hands", "runtime, effect handler"),
    ("hear_all", "cover_unwatched_dirs"),
    ("keeper", "actor"),
    ("labour", "run"),
    ("lacks_means", "is_resource_exhausted"),
    ("no_means", "resource exhausted"),
    ("rekeying", "revalidating"),
    ("seat", "thread"),
    ("shelf", "snapshot"),
    ("shelves", "snapshots"),
    ("summing", "summary"),
    ("take_in", "process_event"),
    ("unheard", "unwatched"),
];

/// Names of files, modules, types and functions that could hold anything.
const EMPTY: &[&str] = &["helper", "helpers", "imp", "manager", "misc", "stuff", "util", "utils"];

const MACROS: &[&str] = &["dbg", "todo", "unimplemented"];

/// Hosts that may be named: documentation and standards.
const HOSTS: &[&str] = &["bford.info", "doc.rust-lang.org", "docs.rs", "github.com", "rustup.rs"];

/// What was called otherwise once may be said there.
const HISTORY: &str = "CHANGELOG.md";

/// Folders of one machine; in parts, for this file is read too.
const MACHINE: &[&str] = &[concat!("/", "work/"), concat!("/", "root/"), concat!("/tmp", "/h/")];

/// Where a registry of packages would be named.
const REGISTRIES: &[&str] = &[
    concat!("index", "-url"),
    concat!("--", "registry"),
    concat!("[", "source."),
    concat!("[", "registries"),
];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        // Others write these: Cargo, which names where each package is from, and lawyers.
        if file.path != "Cargo.lock" && !file.path.starts_with("LICENSE") {
            texts(file, &mut findings);
        }
        spoken(file, &mut findings);
        file_name(file, &mut findings);
        if file.path.ends_with(".rs") {
            let tokens: TokenStream = file
                .text
                .parse()
                .unwrap_or_else(|error| panic!("{} is not Rust: {error}", file.path));
            Names { file, findings: &mut findings }.walk(tokens);
        }
    }
    // The first place of a name in a file is enough.
    let mut seen = BTreeSet::new();
    findings.retain(|found| seen.insert((found.file.clone(), found.what.clone())));
    findings
}

/// Names in backticks, in documents and comments.
fn spoken(file: &SourceFile, findings: &mut Vec<Finding>) {
    let document = file.path.ends_with(".md") && file.path != HISTORY;
    for (number, line) in file.lines() {
        let comment = file.path.ends_with(".rs") && line.trim_start().starts_with("//");
        if document || comment {
            let code = line.split('`').skip(1).step_by(2);
            for name in code.flat_map(|code| code.split(is_no_name)) {
                report(&file.path, number, name, false, findings);
            }
        }
    }
}

fn texts(file: &SourceFile, findings: &mut Vec<Finding>) {
    let mut found = |line: usize, what: String, remedy: &'static str| {
        findings.push(Finding::new(&file.path, line, what, remedy));
    };
    for (number, line) in file.lines() {
        for path in MACHINE.iter().filter(|path| names_path(line, path)) {
            found(number, format!("`{path}` is a path of one machine"), "use a relative path");
        }
        for word in REGISTRIES.iter().filter(|word| line.contains(**word)) {
            let what = format!("`{word}` sets a registry");
            found(number, what, "leave the registry to the configuration of the machine");
        }
        for host in hosts(line).filter(|host| !HOSTS.contains(host)) {
            let remedy = "add it to the hosts in tests/tests/tidy/words.rs if it is documentation";
            found(number, format!("`{host}` is a host that is not known"), remedy);
        }
        if let Some(after) = mark(line)
            && after.trim_start_matches([':', ' ', '*', '/']).split_whitespace().count() < 3
        {
            let remedy = "say after it, in a sentence, what is to be done and what it waits for";
            found(number, "a mark for later without a reason".to_owned(), remedy);
        }
    }
}

fn is_no_name(letter: char) -> bool {
    !letter.is_alphanumeric() && letter != '_'
}

/// Whether `path` stands in `line` and nothing before it makes it the end of a longer one.
fn names_path(line: &str, path: &str) -> bool {
    let is_part = |before: char| {
        before.is_alphanumeric() || matches!(before, '.' | '_' | '-' | '}' | '$' | '/')
    };
    line.match_indices(path).any(|(at, _)| !line[..at].ends_with(is_part))
}

fn hosts(line: &str) -> impl Iterator<Item = &str> {
    let after = line.split("://").skip(1);
    let before = line.split("://").map(|part| part.ends_with("http") || part.ends_with("https"));
    after.zip(before).filter(|(_, web)| *web).filter_map(|(rest, _)| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-'));
        // A name to be filled in is no host.
        let host = rest[..end.unwrap_or(rest.len())].trim_end_matches('.');
        host.contains('.').then_some(host)
    })
}

/// What comes after a mark for later, if there is one.
fn mark(line: &str) -> Option<&str> {
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")].iter().find_map(|mark| {
        let (before, after) = line.split_once(mark)?;
        let whole = !before.ends_with(char::is_alphanumeric)
            && !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        whole.then_some(after)
    })
}

fn file_name(file: &SourceFile, findings: &mut Vec<Finding>) {
    for part in file.path.split('/') {
        let name = part.split('.').next().unwrap_or_default();
        report(&file.path, 1, name, true, findings);
    }
}

/// Finds what is wrong with a name; `given` when it is us who give it.
fn report(file: &str, line: usize, name: &str, given: bool, findings: &mut Vec<Finding>) {
    let words = words(name);
    for (old, new) in OLD {
        if has(&words, old) {
            let what = format!("`{name}` has the old word `{old}`; the field says: {new}");
            findings.push(Finding::new(file, line, what, "use the field's word"));
        }
    }
    if let Some(empty) = EMPTY.iter().find(|empty| given && has(&words, empty)) {
        let what = format!("`{name}` has the word `{empty}`, which could hold anything");
        findings.push(Finding::new(file, line, what, "name it for what it does"));
    }
}

/// The words of `name`, in small letters, each between underscores.
fn words(name: &str) -> String {
    let mut words = String::from("_");
    let mut small = false;
    for letter in name.chars() {
        if letter.is_uppercase() && small {
            words.push('_');
        }
        small = letter.is_lowercase() || letter.is_numeric();
        match letter {
            '-' => words.push('_'),
            letter => words.extend(letter.to_lowercase()),
        }
    }
    words.push('_');
    words
}

fn has(words: &str, word: &str) -> bool {
    words.contains(&format!("_{word}_"))
}

struct Names<'a> {
    file: &'a SourceFile,
    findings: &'a mut Vec<Finding>,
}

impl Names<'_> {
    fn walk(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(name) => {
                    let before = at.checked_sub(1).map(|before| &tokens[before]);
                    let line = name.span().start().line;
                    let given = matches!(before, Some(TokenTree::Ident(word))
                        if ["fn", "struct", "enum", "trait", "type", "mod"].iter().any(|known| word == known));
                    let name = name.to_string();
                    report(&self.file.path, line, &name, given, self.findings);
                    let call = matches!(tokens.get(at + 1), Some(TokenTree::Punct(mark)) if mark.as_char() == '!');
                    if call && MACROS.contains(&name.as_str()) {
                        let what = format!("`{name}!` is left over");
                        self.found(line, what, "finish it, or remove it");
                    }
                }
                TokenTree::Group(group) => {
                    let hash = |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if matches!(mark.as_char(), '#' | '!'));
                    if at.checked_sub(1).is_some_and(|before| hash(&tokens[before])) {
                        self.attribute(group);
                    }
                    self.walk(group.stream());
                }
                _ => {}
            }
        }
    }

    fn attribute(&mut self, group: &proc_macro2::Group) {
        let text: String = group.stream().to_string().split_whitespace().collect();
        let line = group.span_open().start().line;
        if text.starts_with("allow(") {
            let remedy = "use #[expect(…, reason = \"…\")], which fails when it is not needed";
            self.found(line, "a lint is allowed".to_owned(), remedy);
        }
        if text.starts_with("expect(") && !text.contains("reason=") {
            self.found(line, "a lint is expected without a reason".to_owned(), "give the reason");
        }
        if text == "ignore" {
            let remedy = "say why: #[ignore = \"…\"]";
            self.found(line, "a test is ignored without a reason".to_owned(), remedy);
        }
    }

    fn found(&mut self, line: usize, what: String, remedy: &'static str) {
        self.findings.push(Finding::new(&self.file.path, line, what, remedy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        crate::finding::in_lines(&check(&Tree::made_up(&[(path, text)])))
    }

    #[test]
    fn old_words_are_found_in_names_and_not_in_sentences() {
        let expected = ["2 `front_desk` has the old word `desk`; the field says: registry"];
        assert_eq!(found("a.rs", "// A desk.\nlet front_desk = \"desk\";"), expected);
        assert_eq!(found("a.rs", "struct DeskTop;").len(), 1);
        assert_eq!(found("a.rs", "struct Desktop; fn handsome() {}"), [""; 0]);
        assert_eq!(found("src/keeper.rs", "").len(), 1);
        assert_eq!(found("src/giving_up/mod.rs", "").len(), 1);
        assert_eq!(found("a.md", "The keeper's desk."), [""; 0]);
        assert_eq!(found("a.md", "See `a::Desk` of the desk, and `b`.").len(), 1);
        assert_eq!(found("a.rs", "//! See `take_in`.").len(), 1);
        assert_eq!(found("CHANGELOG.md", "`Desk` is now `Registry`."), [""; 0]);
    }

    #[test]
    fn empty_names_are_found_where_we_give_them() {
        let expected = ["1 `PathUtils` has the word `utils`, which could hold anything"];
        assert_eq!(found("a.rs", "struct PathUtils;"), expected);
        assert_eq!(found("src/helpers.rs", "").len(), 1);
        assert_eq!(found("a.rs", "use tokio_util::codec::Framed;"), [""; 0]);
    }

    #[test]
    fn what_is_left_over_is_found() {
        assert_eq!(found("a.rs", "fn f() { g(|| dbg!(1)) }"), ["1 `dbg!` is left over"]);
        assert_eq!(found("a.rs", "fn f() { todo!() }"), ["1 `todo!` is left over"]);
        let bare = format!("// {}\n", concat!("TO", "DO"));
        assert_eq!(found("a.sh", &bare), ["1 a mark for later without a reason"]);
        let with = format!("// {}: ask it once sled 1.0 is released.\n", concat!("TO", "DO"));
        assert_eq!(found("a.rs", &with), [""; 0]);
    }

    #[test]
    fn lints_that_are_switched_off_are_found() {
        assert_eq!(found("a.rs", "#[allow(dead_code)]\nfn f() {}"), ["1 a lint is allowed"]);
        assert_eq!(found("a.rs", "#![allow(dead_code)]"), ["1 a lint is allowed"]);
        let expected = ["1 a lint is expected without a reason"];
        assert_eq!(found("a.rs", "#[expect(dead_code)]\nfn f() {}"), expected);
        assert_eq!(found("a.rs", "#[expect(dead_code, reason = \"a\")]\nfn f() {}"), [""; 0]);
        assert_eq!(found("a.rs", "#[test]\n#[ignore]\nfn f() {}").len(), 1);
    }

    #[test]
    fn what_belongs_to_one_machine_is_found() {
        for path in MACHINE {
            assert_eq!(found("a.md", &format!("See {path}x.")).len(), 1, "{path}");
            assert_eq!(found("a.md", &format!("See a{path}x.")), [""; 0], "{path}");
        }
        for word in REGISTRIES {
            assert_eq!(found(".ci/run", &format!("pip {word}")).len(), 1, "{word}");
        }
        let url = |host: &str| format!("See {}://{host}/a.", "https");
        let expected = ["1 `index.example.org` is a host that is not known"];
        assert_eq!(found("a.md", &url("index.example.org")), expected);
        assert_eq!(found("a.md", &url("docs.rs")), [""; 0]);
        assert_eq!(found("a.md", &url("HOST")), [""; 0]);
    }
}
