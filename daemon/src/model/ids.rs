//! Typed ids. An id is a time and a count, so later ones sort later and no store is needed to
//! choose the next; rendered, it is a letter for its kind and eleven base-32 digits, which for a build
//! are scrambled.

use std::fmt;
use std::str::FromStr;

/// Ids given out in one millisecond before the next one is borrowed from.
const PER_MS_BITS: u32 = 10;
/// Digits of a rendered id: 55 bits, enough for milliseconds until the year 3084.
const DIGITS: usize = 11;
/// Crockford's alphabet: no letter that is mistaken for a digit or another letter.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Gives out numbers that never repeat, whatever the clock does.
#[derive(Debug, Default)]
pub struct IdSource {
    last: u64,
}

impl IdSource {
    /// The next number: later than every earlier one and, where the clock allows, than any that
    /// an earlier daemon gave out.
    pub fn next(&mut self, wall_ms: u64) -> u64 {
        self.last = (wall_ms << PER_MS_BITS).max(self.last + 1);
        self.last
    }

    /// Makes every later number later than `number`, which an earlier daemon gave out.
    pub fn skip(&mut self, number: u64) {
        self.last = self.last.max(number);
    }
}

/// Text that is no id of the kind asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an id")]
pub struct ParseIdError(pub String);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                render($letter, self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse($letter, text).map(Self).ok_or_else(|| ParseIdError(text.to_owned()))
            }
        }
    };
}

/// One client's request. Rendered, its first digits differ from build to build, so that a few of
/// them name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildId(pub u64);

id!(
    /// The running of one action, shared by all builds that want it.
    ExecutionId,
    'x'
);
id!(
    /// One try of an execution.
    AttemptId,
    'a'
);

impl fmt::Display for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        render('b', self.0.wrapping_mul(SCRAMBLE) & MASK, f)
    }
}

impl FromStr for BuildId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = parse('b', text).map(|number| number.wrapping_mul(UNSCRAMBLE) & MASK);
        number.map(Self).ok_or_else(|| ParseIdError(text.to_owned()))
    }
}

/// All bits of a rendered id.
const MASK: u64 = (1 << (5 * DIGITS)) - 1;
/// An odd number without a pattern: multiplied by it, numbers that follow each other differ in their
/// first digits.
const SCRAMBLE: u64 = 0x9e37_79b9_7f4a_7c15;
const UNSCRAMBLE: u64 = inverse(SCRAMBLE);

/// What an odd number times gives 1, modulo 2^64.
const fn inverse(odd: u64) -> u64 {
    let (mut found, mut round) = (odd, 0);
    // Each round doubles the bits that are right, of which there are three at the start.
    while round < 5 {
        found = found.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(found)));
        round += 1;
    }
    found
}

impl BuildId {
    /// Whether an id may begin with this text.
    #[must_use]
    pub fn is_beginning(text: &str) -> bool {
        text.strip_prefix('b').is_some_and(|digits| {
            (1..=DIGITS).contains(&digits.len())
                && digits.bytes().all(|digit| ALPHABET.contains(&digit))
        })
    }

    /// Whether this id begins with a text.
    #[must_use]
    pub fn begins_with(self, text: &str) -> bool {
        self.to_string().starts_with(text)
    }

    /// The ids that a text, perhaps abbreviated, stood for before their first digits differed: first
    /// and last, inclusive.
    #[must_use]
    pub fn range_of_old(text: &str) -> Option<(Self, Self)> {
        let digits = text.strip_prefix('b')?;
        if digits.is_empty() || digits.len() > DIGITS {
            return None;
        }
        let fill =
            |digit: &str| parse('b', &format!("{text}{}", digit.repeat(DIGITS - digits.len())));
        Some((Self(fill("0")?), Self(fill("z")?)))
    }
}

id!(
    /// A command that is run whenever files change, numbered from 1 in this daemon's life.
    TriggerId,
    't'
);

/// One control connection, numbered from 1 in this daemon's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

fn render(letter: char, number: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let digits: [u8; DIGITS] = std::array::from_fn(|at| {
        let shift = 5 * (DIGITS - 1 - at);
        ALPHABET[(number >> shift & 31) as usize]
    });
    write!(f, "{letter}{}", digits.map(char::from).iter().collect::<String>())
}

fn parse(letter: char, text: &str) -> Option<u64> {
    let digits = text.strip_prefix(letter)?;
    if digits.len() != DIGITS {
        return None;
    }
    digits.bytes().try_fold(0, |number, digit| {
        let value = ALPHABET.iter().position(|known| *known == digit)?;
        Some(number << 5 | value as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written_and_sort_by_age() {
        let mut source = IdSource::default();
        let ids: Vec<_> =
            [5, 5, 1_790_000_000_000, 3].map(|now| ExecutionId(source.next(now))).into();
        let texts: Vec<_> = ids.iter().map(ExecutionId::to_string).collect();
        assert!(ids.is_sorted_by(|a, b| a < b) && texts.is_sorted_by(|a, b| a < b), "{texts:?}");
        for (id, text) in ids.iter().zip(&texts) {
            assert_eq!(text.parse(), Ok(*id));
        }
    }

    #[test]
    fn a_few_characters_name_a_build_among_many() {
        let mut source = IdSource::default();
        let now = 1_790_000_000_000;
        let ids: Vec<_> = (0..300).map(|n| BuildId(source.next(now + n / 3 * 40))).collect();
        for (at, id) in ids.iter().enumerate() {
            let text = id.to_string();
            assert_eq!(text.parse(), Ok(*id));
            assert!(BuildId::is_beginning(&text[..4]) && id.begins_with(&text[..4]));
            let same = ids[..at].iter().filter(|other| other.begins_with(&text[..5])).count();
            assert_eq!(same, 0, "{text}");
        }
        for text in ["", "b", "x01", "b!", "b0123456789ab", "bl"] {
            assert!(!BuildId::is_beginning(text), "{text}");
        }
    }

    #[test]
    fn an_id_of_an_earlier_version_is_still_found() {
        for len in 2..=12 {
            let (from, to) = BuildId::range_of_old(&"b0123456789a"[..len]).expect("a range");
            let old = "x0123456789a".parse::<ExecutionId>().expect("the same digits");
            assert!(from.0 <= old.0 && old.0 <= to.0, "{len}");
            assert_eq!(from == to, len == 12, "{len}");
        }
    }

    #[test]
    fn other_words_are_no_ids() {
        for text in ["", "b", "b0", "x00000000001", "b0000000000l", "b000000000001"] {
            assert!(text.parse::<BuildId>().is_err(), "{text}");
        }
    }
}
