//! How many columns of a terminal a text takes, and texts that are cut to some of them. Pure.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// What stands where something was cut; one column.
const CUT: char = '…';

/// Columns that a text without escapes takes: a wide character has two, one that joins the one before
/// it has none.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// At most so many columns of a text without escapes, the last of them "…" where something was cut.
pub(crate) fn shorten(text: &str, width: usize) -> String {
    // Every character of a text that fits is counted for what it takes alone, or for less.
    if columns(text) <= width {
        return text.to_owned();
    }
    let (mut short, mut left) = (String::new(), width.saturating_sub(1));
    for c in text.chars() {
        let Some(rest) = left.checked_sub(c.width().unwrap_or(0)) else { break };
        left = rest;
        short.push(c);
    }
    if width > 0 {
        short.push(CUT);
    }
    short
}

/// At most so many columns of a line with our own colours, which end where it is cut.
pub(crate) fn cut_line(line: &str, width: usize) -> String {
    let (mut short, mut left, mut rest) = (String::new(), width, line);
    while let Some(c) = rest.chars().next() {
        if let Some(end) = rest.strip_prefix("\x1b[").and_then(|code| code.find('m')) {
            let (code, behind) = rest.split_at("\x1b[".len() + end + 1);
            short.push_str(code);
            rest = behind;
            continue;
        }
        let Some(fits) = left.checked_sub(c.width().unwrap_or(0)) else { break };
        left = fits;
        short.push(c);
        rest = &rest[c.len_utf8()..];
    }
    if !rest.is_empty() && short.contains('\x1b') {
        short.push_str("\x1b[0m");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_takes_the_columns_that_a_terminal_gives_it() {
        for (text, width) in
            [("", 0), ("grüße", 5), ("漢字", 4), ("e\u{301}", 1), ("a\u{200d}b", 2), ("ｱ", 1)]
        {
            assert_eq!(columns(text), width, "{text}");
        }
    }

    #[test]
    fn long_text_is_cut_by_columns() {
        for (text, width, short) in [
            ("grüße", 5, "grüße"),
            ("grüße!", 5, "grüß…"),
            ("abc", 0, ""),
            ("漢字漢字", 8, "漢字漢字"),
            ("漢字漢字", 7, "漢字漢…"),
            ("漢字漢字", 6, "漢字…"),
            ("e\u{301}e\u{301}e", 2, "e\u{301}…"),
        ] {
            assert_eq!(shorten(text, width), short, "{text} {width}");
            assert!(columns(&shorten(text, width)) <= width);
        }
    }

    #[test]
    fn a_cut_line_leaves_no_colour_behind() {
        assert_eq!(cut_line("\x1b[1mab\x1b[0m c", 9), "\x1b[1mab\x1b[0m c");
        assert_eq!(cut_line("\x1b[1m漢字\x1b[0m", 3), "\x1b[1m漢\x1b[0m");
        assert_eq!(cut_line("abc", 2), "ab");
    }
}
