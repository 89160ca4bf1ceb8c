//! Globs as git has them: `?`, `*`, `[…]`, `\`, and in paths `**`. Knows bytes, not what they are
//! names of.

use super::byte_set::ByteSet;
use super::options::{GlobFault, GlobOptions};

/// A glob that has been read.
#[derive(Debug)]
pub(in crate::workspace) struct Glob(Box<[Token]>);

#[derive(Debug)]
enum Token {
    Byte(u8),
    /// Any byte but a slash.
    NoSlash,
    Set(Box<ByteSet>),
    /// Any bytes but slashes, or none.
    Star,
    /// Nothing, or any bytes and a slash: `**/`.
    Dirs,
    /// Any bytes, or none.
    Everything,
}

/// Where to go on when what follows a wildcard does not match: the token behind it, and the place
/// in the text up to which the wildcard reaches.
type Retry = Option<(usize, usize)>;

impl Glob {
    /// Reads a glob.
    pub(super) fn parse(glob: &[u8], options: GlobOptions) -> Result<Self, GlobFault> {
        let mut tokens = Vec::with_capacity(glob.len());
        let mut at = 0;
        while let Some(byte) = glob.get(at) {
            at += 1;
            tokens.push(match byte {
                b'?' => Token::NoSlash,
                b'[' => {
                    let (set, length) = ByteSet::parse(&glob[at..], options)?;
                    at += length;
                    Token::Set(Box::new(set))
                }
                b'\\' => {
                    let escaped = glob.get(at).ok_or(GlobFault::TrailingBackslash)?;
                    at += 1;
                    Token::Byte(*escaped)
                }
                b'*' => {
                    let begin = at - 1;
                    at += glob[at..].iter().take_while(|byte| **byte == b'*').count();
                    let (token, slashes) = stars(glob, begin, at, options);
                    at += slashes;
                    token
                }
                byte => Token::Byte(options.fold(*byte)),
            });
        }
        Ok(Self(tokens.into()))
    }

    /// Whether it matches the whole of a text.
    ///
    /// Of the wildcards only the last one is tried again, and if that can not reach further, the
    /// last one that matches slashes: an earlier one would leave to those behind it only what they
    /// can have now. So no glob takes more than the product of the lengths, squared.
    pub(in crate::workspace) fn matches(&self, text: &[u8]) -> bool {
        let tokens = &*self.0;
        let (mut token, mut at) = (0, 0);
        let (mut star, mut deep): (Retry, Retry) = (None, None);
        loop {
            match tokens.get(token) {
                None if at == text.len() => return true,
                Some(Token::Star) => {
                    token += 1;
                    star = Some((token, at));
                    continue;
                }
                Some(Token::Everything) if token + 1 == tokens.len() => return true,
                Some(Token::Dirs | Token::Everything) => {
                    token += 1;
                    (star, deep) = (None, Some((token, at)));
                    continue;
                }
                Some(single) if text.get(at).is_some_and(|byte| single.takes(*byte)) => {
                    (token, at) = (token + 1, at + 1);
                    continue;
                }
                _ => {}
            }
            if let Some((next, reach)) = star
                && text.get(reach).is_some_and(|byte| *byte != b'/')
            {
                (token, at) = (next, reach + 1);
                star = Some((token, at));
                continue;
            }
            let Some((next, reach)) = deep else { return false };
            let rest = &text[reach..];
            let further = match tokens[next - 1] {
                Token::Dirs => rest.iter().position(|byte| *byte == b'/').map(|slash| slash + 1),
                _ => (!rest.is_empty()).then_some(1),
            };
            let Some(further) = further else { return false };
            (token, at) = (next, reach + further);
            (star, deep) = (None, Some((token, at)));
        }
    }

    /// Whether a glob matches a text. One that can not be read matches nothing.
    pub(in crate::workspace) fn matches_text(
        glob: &[u8],
        text: &[u8],
        options: GlobOptions,
    ) -> bool {
        Self::parse(glob, options).is_ok_and(|glob| glob.matches(text))
    }

    /// The bytes that every match begins with.
    pub(super) fn head(&self) -> Vec<u8> {
        self.0.iter().map_while(Token::byte).collect()
    }

    /// Bytes that stand side by side in every match: of each place where some do.
    pub(super) fn runs(&self) -> impl Iterator<Item = Vec<u8>> {
        let runs = self.0.split(|token| token.byte().is_none());
        runs.map(|run| run.iter().filter_map(Token::byte).collect())
    }

    /// The bytes that every match ends in.
    pub(super) fn tail(&self) -> Vec<u8> {
        let mut tail: Vec<_> = self.0.iter().rev().map_while(Token::byte).collect();
        tail.reverse();
        tail
    }
}

/// What stars from `begin` to `end` mean, and how many bytes behind them belong to that.
fn stars(glob: &[u8], begin: usize, end: usize, options: GlobOptions) -> (Token, usize) {
    let is_component = begin == 0 || glob[begin - 1] == b'/';
    let behind = &glob[end..];
    match behind {
        _ if !options.is_path || end - begin == 1 || !is_component => (Token::Star, 0),
        [] => (Token::Everything, 0),
        [b'/', ..] => (Token::Dirs, 1),
        // Git takes an escaped slash for one, but not the directories before it for none.
        [b'\\', b'/', ..] => (Token::Everything, 0),
        _ => (Token::Star, 0),
    }
}

impl Token {
    fn takes(&self, byte: u8) -> bool {
        match self {
            Self::Byte(own) => *own == byte,
            Self::NoSlash => byte != b'/',
            Self::Set(set) => set.contains(byte),
            Self::Star | Self::Dirs | Self::Everything => false,
        }
    }

    fn byte(&self) -> Option<u8> {
        match self {
            Self::Byte(byte) => Some(*byte),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: GlobOptions = GlobOptions { is_path: true, is_folded: false };

    #[test]
    fn wildcards_match_what_they_should() {
        for (glob, text, matched) in [
            ("", "", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("*.o", "x.o", true),
            ("*.o", "d/x.o", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*/b", "aXX/b", true),
            ("a*/b", "aXX/Y/b", false),
            ("**/b", "b", true),
            ("**/b", "x/y/b", true),
            ("**/b", "xb", false),
            ("a/**", "a/x/y", true),
            ("a/**", "a", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**\\/b", "a/b", false),
            ("a/**\\/b", "a/x/b", true),
            ("a**/b", "ax/y/b", false),
            ("**/a/**/b*c", "x/a/y/bz/a/b1c", true),
            ("**/*a/b", "x/ya/c/za/b", true),
            ("**/**", "x", true),
            ("[a-c]\\*", "b*", true),
        ] {
            let parsed = Glob::parse(glob.as_bytes(), PATHS).expect(glob);
            assert_eq!(parsed.matches(text.as_bytes()), matched, "{glob} {text}");
        }
        let fault = |glob: &str| Glob::parse(glob.as_bytes(), PATHS).expect_err(glob);
        assert_eq!(fault("a[b"), GlobFault::UnclosedBracket);
        assert_eq!(fault("a\\"), GlobFault::TrailingBackslash);
    }

    #[test]
    fn no_glob_takes_for_ever() {
        let text = [b'a'; 4000];
        let stars = Glob::parse("*a".repeat(200).as_bytes(), PATHS).expect("a glob");
        assert!(stars.matches(&text));
        let never = Glob::parse(("**/".to_owned() + &"*a".repeat(200) + "b").as_bytes(), PATHS);
        assert!(!never.expect("a glob").matches(&text));
    }
}
