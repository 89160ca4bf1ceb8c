//! Output as it is passed on piece by piece, made fit for its reader: without the escape sequences
//! that a command was told to use for somebody else, and with characters that are not cut in two.
//! Pure.

use std::borrow::Cow;

const ESCAPE: u8 = 0x1b;
const BEL: u8 = 0x07;

/// Where in a sequence the last piece ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// In a control sequence: ESC [ parameters letter.
    Control,
    /// In a string, such as the target of a link: up to BEL or ESC \\.
    String,
    /// After an ESC in a string.
    StringEscape,
}

/// Takes the escape sequences out of one stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plain(At);

impl Plain {
    /// The text in the next piece of the stream.
    pub(crate) fn take<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        if self.0 == At::Text && !bytes.contains(&ESCAPE) {
            return Cow::Borrowed(bytes);
        }
        let mut text = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            self.0 = match (self.0, byte) {
                (At::Text, ESCAPE) => At::Escape,
                (At::Text, byte) => {
                    text.push(byte);
                    At::Text
                }
                (At::Escape | At::Control, ESCAPE) => At::Escape,
                (At::Escape, b'[') => At::Control,
                (At::Escape, b']' | b'P' | b'X' | b'^' | b'_') => At::String,
                // Further bytes of such a sequence, as in ESC ( B.
                (At::Escape, b' '..=b'/') => At::Escape,
                (At::Control, b' '..=b'?') => At::Control,
                (At::Control, b'@'..=b'~') => At::Text,
                (At::String, BEL) => At::Text,
                (At::String, ESCAPE) => At::StringEscape,
                (At::String, _) => At::String,
                (At::StringEscape | At::Escape, _) => At::Text,
                // No control sequence has such a byte: it was none.
                (At::Control, byte) => {
                    text.push(byte);
                    At::Text
                }
            };
        }
        Cow::Owned(text)
    }
}

/// Holds back the beginning of a character at the end of a piece until the rest has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct WholeCharacters(Vec<u8>);

impl WholeCharacters {
    /// What was held back and the next piece, up to the last character that is whole. What is no
    /// UTF-8 is not held back.
    pub(crate) fn take<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let begun = |bytes: &[u8]| {
            let end = std::str::from_utf8(bytes).err();
            let begun = end.filter(|error| error.error_len().is_none());
            begun.map_or(bytes.len(), |error| error.valid_up_to())
        };
        if self.0.is_empty() {
            let (whole, rest) = bytes.split_at(begun(bytes));
            self.0.extend_from_slice(rest);
            return Cow::Borrowed(whole);
        }
        let mut all = std::mem::take(&mut self.0);
        all.extend_from_slice(bytes);
        self.0 = all.split_off(begun(&all));
        Cow::Owned(all)
    }

    /// What is held back, where nothing more comes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text, taken in two pieces that are cut at every place.
    fn plain(bytes: &[u8]) -> Vec<u8> {
        let whole = Plain::default().take(bytes).into_owned();
        for cut in 0..=bytes.len() {
            let mut plain = Plain::default();
            let mut text = plain.take(&bytes[..cut]).into_owned();
            text.extend_from_slice(&plain.take(&bytes[cut..]));
            assert_eq!(text, whole, "cut at {cut}");
        }
        whole
    }

    #[test]
    fn sequences_go_and_text_stays() {
        for (output, text) in [
            (&b"plain\r\n\xff"[..], &b"plain\r\n\xff"[..]),
            (b"\x1b[1m\x1b[38;5;9merror\x1b[0m: x", b"error: x"),
            (b"\x1b[38:2::1:2:3mx\x1b[m\x1b[K", b"x"),
            (b"\x1b]8;;http://x/\x1b\\link\x1b]8;;\x07.", b"link."),
            (b"\x1b(Bx\x1b=y", b"xy"),
            (b"\x1b[3\nz", b"\nz"),
            (b"a\x1b\x1b[31mb", b"ab"),
        ] {
            assert_eq!(plain(output), text, "{output:?}");
        }
    }

    #[test]
    fn characters_are_not_cut() {
        let text = "aä€😀z".as_bytes();
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut whole = WholeCharacters::default();
                let mut got = Vec::new();
                for piece in [&text[..first], &text[first..second], &text[second..]] {
                    let piece = whole.take(piece);
                    assert!(std::str::from_utf8(&piece).is_ok(), "{first} {second}");
                    got.extend_from_slice(&piece);
                }
                assert_eq!((got.as_slice(), whole.rest().as_slice()), (text, &b""[..]));
            }
        }
        let mut whole = WholeCharacters::default();
        assert_eq!(*whole.take(b"\xff\xe2"), *b"\xff\xe2", "what is no text passes at once");
        assert_eq!(*whole.take(b"x\xe2\x82"), *b"x");
        assert_eq!(*whole.take(b"y"), *b"\xe2\x82y", "it was none");
        assert_eq!(*whole.take(b"\xe2"), *b"");
        assert_eq!(whole.rest(), b"\xe2");
    }
}
