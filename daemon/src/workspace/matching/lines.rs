//! The text of an ignore file: which of its bytes are rules. Knows no wildcards.

/// The rules of a text, with their lines from 1.
///
/// As in git: a mark of the byte order is skipped, a carriage return at the end of a line and blanks
/// behind it do not count, a line that begins with `#` is a comment, and a byte of zero ends a line.
pub(super) fn rules(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let lines = (1..).zip(text.split(|byte| *byte == b'\n'));
    let lines = lines.filter(|(_, line)| !matches!(line, [] | [b'#', ..]));
    lines.map(|(number, line)| (number, rule(line.strip_suffix(b"\r").unwrap_or(line))))
}

/// A rule as it is written on one line.
pub(super) fn rule(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|byte| *byte == 0).unwrap_or(line.len());
    without_trailing_spaces(&line[..end])
}

/// Spaces at the end do not count, unless a backslash is before them; other blanks do.
fn without_trailing_spaces(line: &[u8]) -> &[u8] {
    let (mut at, mut end) = (0, 0);
    while let Some(byte) = line.get(at) {
        at += if *byte == b'\\' { 2 } else { 1 };
        if *byte != b' ' {
            end = at.min(line.len());
        }
    }
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_rules_as_git_has_it() {
        let text = b"\xef\xbb\xbfa \r\n\n#c\nb\\ \n\\ \n \nc\t\nd\\\\  \nz\0z\nlast\r";
        let found: Vec<_> = rules(text).map(|(_, rule)| rule.to_vec()).collect();
        let expected: [&[u8]; 9] =
            [b"a ", b"b\\ ", b"\\ ", b"", b"c\t", b"d\\\\", b"z", b"last", b""];
        // "a \r": the return goes first, then the blank.
        let expected = [&[&b"a"[..]], &expected[1..8]].concat();
        assert_eq!(found, expected);
        assert_eq!(rules(b"a\n\nb").map(|(line, _)| line).collect::<Vec<_>>(), [1, 3]);
    }
}
