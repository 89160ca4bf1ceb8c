//! What stands in brackets of a glob: a set of bytes. Knows how git reads it, and nothing of the
//! rest of the glob.

use super::options::{GlobFault, GlobOptions};

/// Bytes that one place of a text may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ByteSet([u64; 4]);

/// One thing in brackets.
enum Member {
    Byte(u8),
    Range(u8, u8),
    Class(Class),
}

/// The names of POSIX, as far as git knows them.
#[derive(Clone, Copy)]
enum Class {
    Alnum,
    Alpha,
    Blank,
    Cntrl,
    Digit,
    Graph,
    Lower,
    Print,
    Punct,
    Space,
    Upper,
    Xdigit,
}

impl ByteSet {
    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    pub(super) fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    /// Reads what is behind an opening bracket; returns how many bytes that was, with the closing
    /// one.
    pub(super) fn parse(text: &[u8], options: GlobOptions) -> Result<(Self, usize), GlobFault> {
        let is_negated = matches!(text.first(), Some(b'!' | b'^'));
        let (members, length) = members(text, usize::from(is_negated))?;
        let mut set = Self::default();
        for byte in 0..=u8::MAX {
            let is_member = members.iter().any(|member| member.has(options.fold(byte), options));
            if is_member != is_negated && !(options.is_path && byte == b'/') {
                set.insert(byte);
            }
        }
        Ok((set, length))
    }
}

/// The members from `at` up to the closing bracket, and the number of bytes behind that.
fn members(text: &[u8], mut at: usize) -> Result<(Vec<Member>, usize), GlobFault> {
    let mut members = Vec::new();
    // What a range would begin with.
    let mut before = None;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let member = match rest {
            [] => return Err(GlobFault::UnclosedBracket),
            [b'\\'] => return Err(GlobFault::UnclosedBracket),
            [b'\\', escaped, ..] => {
                at += 2;
                Member::Byte(*escaped)
            }
            [b'-', next, ..] if before.is_some() && *next != b']' => {
                let escapes = usize::from(*next == b'\\');
                let last = *rest.get(1 + escapes).ok_or(GlobFault::UnclosedBracket)?;
                at += 2 + escapes;
                Member::Range(before.unwrap_or_default(), last)
            }
            [b'[', b':', named @ ..] => {
                let end = named.iter().position(|byte| *byte == b']');
                let end = end.ok_or(GlobFault::UnclosedBracket)?;
                match named[..end].strip_suffix(b":") {
                    Some(name) => {
                        at += 2 + end + 1;
                        Member::Class(Class::named(name).ok_or(GlobFault::UnknownClass)?)
                    }
                    None => {
                        at += 1;
                        Member::Byte(b'[')
                    }
                }
            }
            [byte, ..] => {
                at += 1;
                Member::Byte(*byte)
            }
        };
        before = match member {
            Member::Byte(byte) => Some(byte),
            Member::Range(..) | Member::Class(_) => None,
        };
        members.push(member);
        // The first member may be a closing bracket; any other is the end.
        if text.get(at) == Some(&b']') {
            return Ok((members, at + 1));
        }
    }
}

impl Member {
    /// Whether a byte of the text is meant; it is a small letter where case does not count. What is
    /// written in brackets is compared as it is: so `[A]` matches nothing there, as in git.
    fn has(&self, byte: u8, options: GlobOptions) -> bool {
        let is_in = |first: u8, last: u8, byte: u8| (first..=last).contains(&byte);
        let may_be_capital = options.is_folded && byte.is_ascii_lowercase();
        match *self {
            Self::Byte(own) => own == byte,
            Self::Range(first, last) => {
                is_in(first, last, byte)
                    || (may_be_capital && is_in(first, last, byte.to_ascii_uppercase()))
            }
            Self::Class(Class::Upper) => byte.is_ascii_uppercase() || may_be_capital,
            Self::Class(class) => class.has(byte),
        }
    }
}

impl Class {
    fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"alnum" => Self::Alnum,
            b"alpha" => Self::Alpha,
            b"blank" => Self::Blank,
            b"cntrl" => Self::Cntrl,
            b"digit" => Self::Digit,
            b"graph" => Self::Graph,
            b"lower" => Self::Lower,
            b"print" => Self::Print,
            b"punct" => Self::Punct,
            b"space" => Self::Space,
            b"upper" => Self::Upper,
            b"xdigit" => Self::Xdigit,
            _ => return None,
        })
    }

    fn has(self, byte: u8) -> bool {
        match self {
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Alpha => byte.is_ascii_alphabetic(),
            Self::Blank => matches!(byte, b' ' | b'\t'),
            Self::Cntrl => byte.is_ascii_control(),
            Self::Digit => byte.is_ascii_digit(),
            Self::Graph => byte.is_ascii_graphic(),
            Self::Lower => byte.is_ascii_lowercase(),
            Self::Print => byte.is_ascii_graphic() || byte == b' ',
            Self::Punct => byte.is_ascii_punctuation(),
            // Git has its own: neither vertical tab nor form feed.
            Self::Space => matches!(byte, b' ' | b'\t' | b'\n' | b'\r'),
            Self::Upper => byte.is_ascii_uppercase(),
            Self::Xdigit => byte.is_ascii_hexdigit(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str, options: GlobOptions) -> Result<String, GlobFault> {
        let (set, length) = ByteSet::parse(text.as_bytes(), options)?;
        assert_eq!(length, text.len(), "{text}");
        Ok((b'!'..=b'~').filter(|byte| set.contains(*byte)).map(char::from).collect())
    }

    #[test]
    fn brackets_are_read_as_git_reads_them() {
        let names = GlobOptions::default();
        for (text, members) in [
            ("abc]", "abc"),
            ("]]", "]"),
            ("]-a]", "]^_`a"),
            ("a-]", "-a"),
            ("-a]", "-a"),
            ("c-a]", "c"),
            ("\\]x]", "]x"),
            ("a-\\c]", "abc"),
            ("[:digit:]]", "0123456789"),
            ("[:digit:]-9]", "-0123456789"),
            ("[:x]", ":[x"),
            ("[:]", ":["),
        ] {
            assert_eq!(set(text, names).as_deref(), Ok(members), "{text}");
        }
        for text in ["", "a", "]", "!", "!]", "a\\", "[:alpha:", "a-\\"] {
            assert_eq!(set(text, names), Err(GlobFault::UnclosedBracket), "{text}");
        }
        assert_eq!(set("[:word:]]", names), Err(GlobFault::UnknownClass));
        assert!(!set("!a]", names).expect("a set").contains('a'));
        assert!(set("^a]", names).expect("a set").contains('/'));
        let path = GlobOptions { is_path: true, ..names };
        assert!(!set("!a]", path).expect("a set").contains('/'));
        let folded = GlobOptions { is_folded: true, ..names };
        assert_eq!(set("[:upper:]]", folded).expect("a set").len(), 52);
        assert_eq!(set("A-B]", folded).as_deref(), Ok("ABab"));
        assert_eq!(set("A]", folded).as_deref(), Ok(""));
    }
}
