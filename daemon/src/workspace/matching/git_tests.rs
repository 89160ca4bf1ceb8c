//! Ignore files as they are read here beside git itself, which owns their meaning: random lines, random
//! paths, no difference. `BD_GIT_ROUNDS` and `BD_GIT_SEED` make other and longer runs of it; a round is
//! some lines for all paths of a tree.

use super::RuleSetBuilder;
use crate::workspace::git_oracle::{Git, Random, number};
use crate::workspace::ignore_rules::{IgnoreRules, Scope};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

const ROUNDS: u64 = 300;

/// Names of the tree: what wildcards stand for, and what has a meaning in lines or in shells.
const NAMES: &[&[u8]] = &[
    b"a",
    b"b",
    b"ab",
    b"A",
    b"foo",
    b"bar",
    b"foobar",
    b"x.o",
    b"X.O",
    b"app.js",
    b"{a,b}",
    b"{{x}}",
    b"[a]",
    b"a*",
    b"\\",
    b"a\\b",
    b"#c",
    b"!n",
    b"a ",
    b" ",
    b"t\t",
    b"q?",
    b"-",
    b"]",
    b"1",
    b"_.",
    b"\xff",
    b"\xc3\xa9",
    b"a\rb",
    b"c\r",
    b"*",
    b"**",
];

/// Lines of which each says something of its own.
const LINES: &[&[u8]] = &[
    b"*.{js,css}",
    b"*.py{}",
    b"{{x}}",
    b"{a,b}",
    b"a\t",
    b"t\t",
    b"[[:alpha:]]",
    b"[[:digit:]]",
    b"[[:word:]]",
    b"[[:upper:]]",
    b"[[:punct:]]*",
    b"[[:space:]]",
    b"[![:alnum:]]",
    b"\xff",
    b"\xff*",
    b"[\xfe-\xff]",
    b"\xc3*",
    b"?",
    b"??",
    b"foo**/bar",
    b"foo**bar",
    b"**foo",
    b"foo**",
    b"**/foo",
    b"foo/**",
    b"/**/foo",
    b"**",
    b"/**",
    b"**/",
    b"*/",
    b"/*",
    b"/*/",
    b"*/*",
    b"**/*",
    b"a/**/b",
    b"a/**/",
    b"a**/",
    b"a/b/**",
    b"**/a/**",
    b"**/a/**/b/**",
    b"a/*/b",
    b"a/?/b",
    b"a[/]b",
    b"a[!x]b",
    b"a\\/b",
    b"**\\/b",
    b"a/**\\/b",
    b"/a",
    b"/a/",
    b"a/",
    b"a//",
    b"//a",
    b"/",
    b"//",
    b"!",
    b"!/",
    b"",
    b" ",
    b"  ",
    b"\\ ",
    b"a ",
    b"a\\ ",
    b"a\\  ",
    b"a \\ ",
    b"\t",
    b"#c",
    b"\\#c",
    b"!a",
    b"\\!n",
    b"!!n",
    b"!\\!n",
    b"\\a",
    b"\\",
    b"\\\\",
    b"a\\",
    b"a\\\\b",
    b"a\\\\",
    b"\\*",
    b"\\**",
    b"*\\",
    b"[",
    b"[a",
    b"[]",
    b"[]]",
    b"[!]",
    b"[!]]",
    b"[^a]",
    b"[a-]",
    b"[-a]",
    b"[a-c]",
    b"[c-a]",
    b"[\\]]",
    b"[\\\\]",
    b"[a\\]",
    b"[[]",
    b"[[:]",
    b"[[:]]",
    b"[[::]]",
    b"[[:a]",
    b"[[:alpha:]-z]",
    b"[a-[:digit:]]",
    b"[A]",
    b"[A-Z]",
    b"\\A",
    b"FOO",
    b"*.O",
    b"a\rb",
    b"c\r",
    b"c\r\r",
    b"\r",
    b"a\0b",
    b"\0",
    b"q\\?",
    b"*.o",
    b"*",
    b"!*",
    b"***",
    b"a***b",
    b"**a**",
    b"*a*b*",
    b"-",
    b"./a",
    b"a/.",
    b"../a",
    b"\xef\xbb\xbfa",
];

/// A checkout, with all paths in it.
struct Tree {
    git: Git,
    paths: Vec<(Vec<u8>, bool)>,
}

/// Where there are ignore files: in the order of their strength, weakest first.
const DIRS: [&[u8]; 3] = [b"", b"a", b"a/foo"];

impl Tree {
    fn new(random: &mut Random) -> Self {
        let git = Git::new();
        fs::create_dir_all(git.top().join("a/foo")).expect("directories");
        let mut paths = BTreeSet::new();
        for name in NAMES {
            paths.insert((name.to_vec(), true));
            for above in [&b"a"[..], b"foo", b"a/foo", b"a/b"] {
                paths.insert(([above, b"/", name].concat(), false));
            }
            for _ in 0..2 {
                let (above, middle) = (random.of(NAMES), random.of(NAMES));
                paths.insert(([above, b"/", middle, b"/", name].concat(), false));
            }
        }
        let mut found = BTreeSet::new();
        for (path, is_dir) in paths {
            let at = git.top().join(OsStr::from_bytes(&path));
            let above = if is_dir { Some(&*at) } else { at.parent() };
            // What is a file already stays one.
            if fs::create_dir_all(above.expect("a parent")).is_err() {
                continue;
            }
            if !at.is_dir() {
                fs::write(&at, "").expect("a file");
            }
            let below = Path::new(OsStr::from_bytes(&path));
            for part in below.ancestors().filter(|part| !part.as_os_str().is_empty()) {
                found.insert((part.as_os_str().as_bytes().to_vec(), git.top().join(part).is_dir()));
            }
        }
        Self { git, paths: found.into_iter().collect() }
    }

    /// Holds our answers about all paths against git's; returns how many are ignored.
    fn compare(&self, texts: &[Vec<u8>; 4], is_folded: bool, what: &str) -> usize {
        for (dir, text) in DIRS.iter().zip(texts) {
            let file = self.git.top().join(OsStr::from_bytes(dir)).join(".gitignore");
            fs::write(file, text).expect("an ignore file");
        }
        fs::write(self.git.top().join(".git/info/exclude"), &texts[3]).expect("excludes");
        let set = |text: &[u8]| {
            let mut rules = RuleSetBuilder::new(is_folded);
            rules.add_text(text, &mut |_, _, _| {});
            rules.build()
        };
        let scope = Scope { is_folded, ..Scope::default() };
        let mut rules = vec![IgnoreRules::global(scope, set(&texts[3]).into_iter().collect())];
        for (dir, text) in DIRS.iter().zip(texts) {
            rules.push(rules.last().expect("rules").with(dir, [None, None, set(text)]));
        }
        let ours = |path: &[u8], is_dir: bool| {
            let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
            let mut parts = ends.map(|(end, _)| (&path[..end], true)).chain([(path, is_dir)]);
            parts.any(|(part, is_dir)| {
                let above = |dir: &&[u8]| {
                    dir.is_empty()
                        || part.strip_prefix(*dir).is_some_and(|part| part.starts_with(b"/"))
                };
                let level = DIRS.iter().filter(|dir| above(dir)).count();
                rules[level].ignore(part, is_dir)
            })
        };
        let theirs = self.git.ignored(self.paths.iter().map(|(path, _)| &**path), is_folded);
        assert_eq!(theirs.len(), self.paths.len());
        for ((path, is_dir), theirs) in self.paths.iter().zip(&theirs) {
            assert_eq!(
                ours(path, *is_dir),
                *theirs,
                "{what}: git says {theirs} of '{}' (case ignored: {is_folded}) by\n{}",
                path.escape_ascii(),
                texts.iter().map(|text| format!("'{}'\n", text.escape_ascii())).collect::<String>()
            );
        }
        theirs.iter().filter(|ignored| **ignored).count()
    }
}

/// A line that has to do with the names.
fn line(random: &mut Random) -> Vec<u8> {
    let mut line = Vec::new();
    if random.one_in(5) {
        line.extend(b"!");
    }
    if random.one_in(4) {
        line.extend(b"/");
    }
    if random.one_in(8) {
        line.extend(random.of(LINES));
    } else {
        for component in 0..=random.below(3) {
            if component > 0 {
                line.extend(random.of(&[b"/", b"/", b"/", b"/**/", b"**/", b"/*/", b"\\/"]));
            }
            for byte in random.of(NAMES) {
                match random.below(16) {
                    0 => line.extend(b"?"),
                    1 => line.extend(b"*"),
                    2 => line.extend(b"**"),
                    3 => line.extend([b'[', *byte, b']']),
                    4 => line.extend([b'[', b'!', *byte, b']']),
                    5 => line.extend([
                        b'[',
                        byte.saturating_sub(1),
                        b'-',
                        byte.saturating_add(1),
                        b']',
                    ]),
                    6 => line.extend([b'\\', *byte]),
                    7 => line.extend(random.of(&[
                        b"[[:alpha:]]",
                        b"[[:upper:]]",
                        b"[[:punct:]",
                        b"[^",
                    ])),
                    8 => {}
                    9 => line.push(byte.to_ascii_uppercase()),
                    _ => line.push(*byte),
                }
            }
        }
    }
    line.extend(
        random
            .of(&[b"", b"", b"", b"", b"/", b"/", b"*", b"/*", b"/**", b" ", b"\\ ", b"\t", b"\r"]),
    );
    line
}

#[test]
fn whatever_lines_there_are_git_says_the_same_of_all_paths() {
    let seed = number("BD_GIT_SEED", 1);
    let mut random = Random(seed);
    let tree = Tree::new(&mut random);
    let (mut ignored, mut lines) = (0, 0);
    let rounds = number("BD_GIT_ROUNDS", ROUNDS);
    for round in 0..rounds {
        let texts: [Vec<u8>; 4] = std::array::from_fn(|place| {
            let most = if random.one_in(4) { 60 } else { 4 };
            let count = if place == 0 || random.one_in(3) { 1 + random.below(most) } else { 0 };
            lines += count;
            let lines: Vec<_> = (0..count).map(|_| line(&mut random)).collect();
            lines.join(&b'\n')
        });
        ignored += tree.compare(&texts, random.one_in(3), &format!("seed {seed}, round {round}"));
    }
    let compared = rounds as usize * tree.paths.len();
    println!("{lines} lines, {compared} answers, of which {ignored} said ignored");
    assert!(ignored > compared / 100 && ignored < compared, "nothing was tested");
}

#[test]
fn each_kind_of_line_means_what_it_means_to_git() {
    let tree = Tree::new(&mut Random(1));
    let none = || [const { Vec::new() }; 3];
    let mut all = Vec::new();
    for line in LINES {
        for is_folded in [false, true] {
            let [second, third, excludes] = none();
            tree.compare(&[line.to_vec(), second, third, excludes], is_folded, "one line");
        }
        all.extend(*line);
        all.push(b'\n');
    }
    let [second, third, excludes] = none();
    tree.compare(&[all, second, third, excludes], false, "all lines");
}
