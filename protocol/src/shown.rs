//! Text of others on its way to a terminal or to a log: what would steer the one or forge lines of the
//! other is escaped. The output of a command is not such text: it is passed on as it is.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character does something other than to be seen: controls, what changes the direction
/// of text, separates lines or has no width at all. What joins letters of a word is part of names.
#[must_use]
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// The text on one line, with what is [unseen](is_unseen) as in `\n` or `\u{1b}`.
#[must_use]
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unseen(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// The same for lines: what follows the first of them is indented, so that none of it can be taken for
/// a line of our own.
#[must_use]
pub fn lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (number, line) in text.trim_end_matches('\n').split('\n').enumerate() {
        if number > 0 {
            shown.push_str(if line.starts_with("  ") { "\n" } else { "\n  " });
        }
        shown.push_str(&one_line(line));
    }
    shown
}

/// The bytes on one line: as [`one_line`], and what is no UTF-8 as in `\xff`.
#[must_use]
pub fn bytes(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        shown.push_str(&one_line(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_a_terminal_or_forges_a_line() {
        assert!(matches!(one_line("plain — 漢字 naïve 👩‍👧"), Cow::Borrowed(_)));
        assert_eq!(one_line("a\x1b]0;P\x07\n\t\u{9b}"), r"a\u{1b}]0;P\u{7}\n\t\u{9b}");
        for c in ['\u{202e}', '\u{2066}', '\u{200f}', '\u{2029}', '\u{feff}', '\u{e0041}', '\x7f'] {
            assert_eq!(one_line(&format!("a{c}b")), format!("a\\u{{{:x}}}b", u32::from(c)));
        }
        assert_eq!(lines("a\nhint: b\n  c\r\n"), "a\n  hint: b\n  c\\r");
        assert_eq!(bytes(b"a\xff\xe6\xbc\xa2\x1b"), "a\\xff漢\\u{1b}");
    }
}
