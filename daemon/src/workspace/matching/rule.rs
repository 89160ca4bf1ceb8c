//! One line of an ignore file. Knows which paths it is about, not which rule is stronger.

use super::glob::Glob;
use super::options::{GlobFault, GlobOptions};

/// What is matched, with the parts that rules are about.
#[derive(Clone, Copy, Debug)]
pub(in crate::workspace) struct Candidate<'a> {
    /// Path below the directory of the rules.
    pub(in crate::workspace) path: &'a [u8],
    /// Its last component.
    pub(in crate::workspace) name: &'a [u8],
    pub(in crate::workspace) is_dir: bool,
}

impl<'a> Candidate<'a> {
    /// What is at a path.
    pub(in crate::workspace) fn new(path: &'a [u8], is_dir: bool) -> Self {
        let name = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        Self { path, name: &path[name..], is_dir }
    }
}

/// A rule: what it matches is ignored, or is not after all.
#[derive(Debug)]
pub(in crate::workspace) struct Rule {
    pub(super) is_negated: bool,
    pub(super) dirs_only: bool,
    pub(super) subject: Subject,
}

/// What a rule matches.
#[derive(Debug)]
pub(super) enum Subject {
    Name(Box<[u8]>),
    NameTail(Box<[u8]>),
    NameGlob(Glob),
    Path(Box<[u8]>),
    /// A path that begins so, and goes on as the glob says. Git matches them apart, so that `**`
    /// right behind the beginning is that of a component.
    PathGlob(Box<[u8]>, Glob),
    Anything,
}

/// Why a rule matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// A bracket is opened and not closed.
    #[error("'[' is not closed, so it matches nothing; write \\[ for the character itself")]
    UnclosedBracket,
    /// A `[:name:]` that POSIX does not have.
    #[error("it has a [:class:] that is not known, so it matches nothing")]
    UnknownClass,
    /// A backslash with nothing behind it.
    #[error("it ends in a backslash, so it matches nothing; write \\\\ for the character itself")]
    TrailingBackslash,
    /// Alternatives, which shells have.
    #[error("braces have no alternatives here; write a line for each, or \\{{ for the character")]
    Braces,
    /// A comment where a rule has to be.
    #[error("it is a comment; write \\# for the character itself")]
    Comment,
    /// Nothing that could match.
    #[error("it names nothing")]
    Empty,
}

impl From<GlobFault> for RuleFault {
    fn from(fault: GlobFault) -> Self {
        match fault {
            GlobFault::UnclosedBracket => Self::UnclosedBracket,
            GlobFault::UnknownClass => Self::UnknownClass,
            GlobFault::TrailingBackslash => Self::TrailingBackslash,
        }
    }
}

impl Rule {
    /// One that nothing below is ignored by weaker rules.
    pub(super) fn nothing_is_ignored() -> Self {
        Self { is_negated: true, dirs_only: false, subject: Subject::Anything }
    }

    /// Reads a line without its end; `None` if nothing can match it, which is no fault.
    pub(super) fn parse(line: &[u8], is_folded: bool) -> Result<Option<Self>, RuleFault> {
        let (is_negated, rule) = match line {
            [b'!', rest @ ..] => (true, rest),
            _ => (false, line),
        };
        let (dirs_only, rule) = match rule {
            [rest @ .., b'/'] => (true, rest),
            _ => (false, rule),
        };
        if rule.is_empty() {
            return Ok(None);
        }
        let is_path = rule.contains(&b'/');
        let options = GlobOptions { is_path, is_folded };
        let subject =
            if is_path { path_subject(rule, options) } else { name_subject(rule, options) };
        Ok(Some(Self { is_negated, dirs_only, subject: subject? }))
    }

    /// Whether it is about a path.
    pub(super) fn matches(&self, candidate: &Candidate<'_>) -> bool {
        if self.dirs_only && !candidate.is_dir {
            return false;
        }
        match &self.subject {
            Subject::Name(name) => **name == *candidate.name,
            Subject::NameTail(tail) => candidate.name.ends_with(tail),
            Subject::NameGlob(glob) => glob.matches(candidate.name),
            Subject::Path(path) => **path == *candidate.path,
            Subject::PathGlob(head, glob) => {
                candidate.path.strip_prefix(&**head).is_some_and(|rest| glob.matches(rest))
            }
            Subject::Anything => true,
        }
    }
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'*' | b'?' | b'[' | b'\\')
}

fn literal(bytes: &[u8], options: GlobOptions) -> Box<[u8]> {
    bytes.iter().map(|byte| options.fold(*byte)).collect()
}

fn name_subject(rule: &[u8], options: GlobOptions) -> Result<Subject, RuleFault> {
    let has_special = |text: &[u8]| text.iter().any(|byte| is_special(*byte));
    Ok(match rule {
        [b'*', tail @ ..] if !has_special(tail) => Subject::NameTail(literal(tail, options)),
        _ if !has_special(rule) => Subject::Name(literal(rule, options)),
        _ => Subject::NameGlob(Glob::parse(rule, options)?),
    })
}

fn path_subject(rule: &[u8], options: GlobOptions) -> Result<Subject, RuleFault> {
    let rule = rule.strip_prefix(b"/").unwrap_or(rule);
    let head = rule.iter().position(|byte| is_special(*byte)).unwrap_or(rule.len());
    let (head, rest) = rule.split_at(head);
    let head = literal(head, options);
    Ok(match rest {
        [] => Subject::Path(head),
        _ => Subject::PathGlob(head, Glob::parse(rest, options)?),
    })
}
