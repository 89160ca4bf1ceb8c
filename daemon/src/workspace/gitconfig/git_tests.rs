//! Git's configuration as it is read here beside git itself: random files, no difference.
//! `BD_GIT_ROUNDS` and `BD_GIT_SEED` make other and longer runs of it.

use super::{ConfigPlaces, Settings};
use crate::workspace::git_oracle::{Git, Random, number, path_of};
use std::fs;
use std::path::Path;

const ROUNDS: u64 = 150;

/// The files, by how they are found from the top of the checkout.
const FILES: [&str; 6] = [
    "../home/.config/git/config",
    "../home/.gitconfig",
    ".git/config",
    ".git/config.worktree",
    "../home/inc/one",
    "../home/inc/two",
];

const SECTIONS: &[&[u8]] = &[
    b"[core]",
    b"[core] ",
    b"[CORE]\n",
    b"[core]\t",
    b"[core] # c\n",
    b"[other]\n",
    b"[core \"x\"]\n",
    b"[core.x]\n",
    b"[remote \"o\"] url = git:h/c\n",
    b"[remote \"p\"]\nurl = ssh://d\n[core]\n",
    b"[extensions]\nworktreeConfig = true\n[core]\n",
    b"[core \"]\"]\n",
    b"\xef\xbb\xbf[core]\n",
    b"[core]\r\n",
];

const KEYS: &[&[u8]] = &[
    b"excludesFile = ",
    b"excludesfile=",
    b"EXCLUDESFILE\t=\t",
    b"  excludesFile =",
    b"excludes-file = ",
    b"excludesFile2 = ",
    b"ignoreCase = ",
    b"ignorecase=",
    b"ignoreCase\n",
    b"key = ",
    b"ignoreCase = true\nexcludesFile = ",
    b"excludesFile = ",
    b"excludesFile=",
];

const BOOLEANS: &[&[u8]] = &[
    b"true",
    b"false",
    b"YES",
    b"off",
    b"on",
    b"no",
    b"1",
    b"0",
    b"-1",
    b"2k",
    b"",
    b"\"\"",
    b" true # c",
];

const VALUES: &[&[u8]] = &[
    b"/x/y",
    b"~/z",
    b"rel/path",
    b"",
    b"\"\"",
    b"/a b",
    b"/a b  ",
    b"  /a",
    b"\"/a b \"",
    b"/a # c",
    b"/a;c",
    b"\"/a # b\"",
    b"/a\\tb",
    b"/a\\\\b",
    b"/a\\\"b",
    b"/a\\\nb",
    b"/a\"b c\"d",
    b"/a \"\" ",
    b"~",
    b"~root/x",
    b"/a\tb",
    b"/a\rb",
    b"/a\r",
    b"/\xff",
    b"'/a'",
    b"/a \\",
];

/// What git refuses, now and then in the place of a line.
const REFUSED: &[&[u8]] = &[
    b"[ core]\n",
    b"[core",
    b"[core ]\n",
    b"[c\\ore]\n",
    b"[core] excludesFile\n",
    b"[core]\n1excludesFile = x\n",
    b"[core]\nkey = /a\\xb\n",
    b"[core]\nkey = \"/a\n",
    b"[core]\nignoreCase = perhaps\n",
    b"[core]\nkey # c\n",
];

const CONDITIONS: &[&[u8]] = &[
    b"gitdir:~/",
    b"gitdir:~/../top/",
    b"gitdir:top/",
    b"gitdir:TOP/",
    b"gitdir/i:TOP/",
    b"gitdir:**/top/.git",
    b"gitdir:/",
    b"gitdir:./",
    b"gitdir:*/.git",
    b"gitdir:to?/",
    b"onbranch:main",
    b"onbranch:m*",
    b"onbranch:a/",
    b"onbranch:**",
    b"hasconfig:remote.*.url:git:**",
    b"hasconfig:remote.*.url:ssh://d",
    b"hasconfig:remote.*.url:**/c",
    b"gitdir:top/.git/",
    b"nonsense:x",
    b"gitdir:[t]op/",
    b"gitdir:.git",
];

fn text(random: &mut Random) -> Vec<u8> {
    let mut text = random.of(SECTIONS).to_vec();
    for _ in 0..random.below(4) {
        match random.below(6) {
            0 if random.one_in(20) => text.extend(random.of(REFUSED)),
            0 => text.extend(random.of(SECTIONS)),
            1 => text.extend(b"[include]\npath = "),
            2 => {
                text.extend(b"[includeIf \"");
                text.extend(random.of(CONDITIONS));
                text.extend(b"\"]\npath = ");
            }
            _ => {
                let key = random.of(KEYS);
                let is_boolean = key.to_ascii_lowercase().starts_with(b"ignorecase");
                text.extend(key);
                text.extend(random.of(if is_boolean { BOOLEANS } else { VALUES }));
                text.extend(random.of(&[b"\n", b"\n", b"\n", b"\r\n", b" ; c\n", b""]));
                continue;
            }
        }
        if text.ends_with(b"path = ") {
            text.extend(random.of(&[b"~/inc/one", b"~/inc/two", b"inc/one", b"two", b"~/none"]));
            text.extend(b"\n[core]\n");
        }
    }
    text
}

/// What git says, or why it does nothing.
fn theirs(git: &Git) -> Result<Settings, String> {
    let tried = git.run(&["check-ignore", "--no-index", "-q", "x"]);
    let error = String::from_utf8_lossy(&tried.stderr);
    // A directory it has read as it should.
    if !matches!(tried.status.code(), Some(0 | 1)) && !error.contains("as an exclude file") {
        return Err(error.into_owned());
    }
    let path = git.run(&["config", "--type=path", "--get", "core.excludesFile"]);
    let case = git.run(&["config", "--type=bool", "--get", "core.ignoreCase"]);
    Ok(Settings {
        excludes_file: path.status.success().then(|| path_of(&path.stdout).to_path_buf()),
        is_case_ignored: case.stdout == b"true\n",
    })
}

fn ours(git: &Git) -> Result<Settings, String> {
    let at = |file: &str| git.top().join(file);
    let places = ConfigPlaces {
        shared: vec![git.home().join(".config/git/config"), git.home().join(".gitconfig")],
        repository: Some(at(".git/config")),
        worktree: Some(at(".git/config.worktree")),
        git_dir: Some(at(".git")),
        ignore: None,
        home: Some(git.home()),
    };
    Settings::read(&places, &mut |path: &Path| fs::read(path).ok())
}

#[test]
fn whatever_the_configuration_git_reads_the_same_in_it() {
    let seed = number("BD_GIT_SEED", 1);
    let mut random = Random(seed);
    let git = Git::new();
    git.run(&["symbolic-ref", "HEAD", "refs/heads/main"]);
    let (mut set, mut refused) = (0, 0);
    for round in 0..number("BD_GIT_ROUNDS", ROUNDS) {
        let mut shown = String::new();
        if random.one_in(20) {
            let branch = random.of(&[b"refs/heads/main", b"refs/heads/a/b"]);
            git.run(&["symbolic-ref", "HEAD", str::from_utf8(branch).expect("UTF-8")]);
        }
        for file in FILES {
            let path = git.top().join(file);
            if random.one_in(2) {
                let mut text = text(&mut random);
                if file == ".git/config" {
                    text.splice(..0, *b"[core]\n\trepositoryformatversion = 1\n");
                }
                shown += &format!("{file}: '{}'\n", text.escape_ascii());
                fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
                fs::write(path, text).expect("a file");
            } else {
                let _ = fs::remove_file(path);
            }
        }
        let (ours, theirs) = (ours(&git), theirs(&git));
        let shown = || format!("seed {seed}, round {round}: git says {theirs:?} of\n{shown}");
        match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{}", shown()),
            (Err(_), Err(_)) => refused += 1,
            _ => panic!("{ours:?}, but {}", shown()),
        }
        set += u64::from(ours.is_ok_and(|found| found.excludes_file.is_some()));
    }
    println!("{set} with excludes, {refused} refused");
    assert!(set > 10 && refused > 10, "nothing was tested");
}
