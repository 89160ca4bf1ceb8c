//! The text of a configuration file of git: sections, keys and values. Knows no meaning of any.

/// One key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// In small letters.
    pub(super) section: Vec<u8>,
    /// What is in quotes behind the section, if anything.
    pub(super) subsection: Option<Vec<u8>>,
    /// In small letters.
    pub(super) key: Vec<u8>,
    /// `None` where there is not even an equals sign.
    pub(super) value: Option<Vec<u8>>,
}

/// A line that git refuses, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadLine(pub(super) usize);

/// Reads a text.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Entry>, BadLine> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = Reader { text, at: 0, line: 1 };
    let mut entries = Vec::new();
    let (mut section, mut subsection) = (Vec::new(), None);
    while !reader.is_at_end() {
        let line = reader.line;
        match reader.next() {
            b'#' | b';' => while reader.next() != b'\n' {},
            byte if is_space(byte) => {}
            b'[' => (section, subsection) = reader.header().ok_or(BadLine(line))?,
            byte if byte.is_ascii_alphabetic() => {
                let (key, value) = reader.entry(byte).ok_or(BadLine(line))?;
                let (section, subsection) = (section.clone(), subsection.clone());
                entries.push(Entry { section, subsection, key, value });
            }
            _ => return Err(BadLine(line)),
        }
    }
    Ok(entries)
}

/// What is space to git.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
}

impl Reader<'_> {
    /// Whether the end was read, which counts as the end of a line.
    fn is_at_end(&self) -> bool {
        self.at > self.text.len()
    }

    /// The next byte; the end of a line is one byte, however it is written.
    fn next(&mut self) -> u8 {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let (byte, length) = match rest {
            [b'\r', b'\n', ..] => (b'\n', 2),
            [byte, ..] => (*byte, 1),
            [] => (b'\n', 1),
        };
        self.at += length;
        self.line += usize::from(byte == b'\n');
        byte
    }

    /// What is behind an opening bracket.
    fn header(&mut self) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let mut section = Vec::new();
        loop {
            match self.next() {
                b']' => return Some((section, None)),
                _ if self.is_at_end() => return None,
                byte if is_space(byte) => {
                    let subsection = self.subsection(byte)?;
                    return Some((section, Some(subsection)));
                }
                byte if is_key(byte) || byte == b'.' => section.push(byte.to_ascii_lowercase()),
                _ => return None,
            }
        }
    }

    fn subsection(&mut self, space: u8) -> Option<Vec<u8>> {
        let mut byte = space;
        while is_space(byte) {
            if byte == b'\n' {
                return None;
            }
            byte = self.next();
        }
        if byte != b'"' {
            return None;
        }
        let mut name = Vec::new();
        loop {
            let byte = match self.next() {
                b'"' => return (self.next() == b']').then_some(name),
                b'\\' => self.next(),
                byte => byte,
            };
            if byte == b'\n' {
                return None;
            }
            name.push(byte);
        }
    }

    /// A key that begins with `first`, and its value.
    fn entry(&mut self, first: u8) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let mut key = vec![first.to_ascii_lowercase()];
        let mut byte = self.next();
        while is_key(byte) {
            key.push(byte.to_ascii_lowercase());
            byte = self.next();
        }
        while matches!(byte, b' ' | b'\t') {
            byte = self.next();
        }
        match byte {
            b'\n' => Some((key, None)),
            b'=' => Some((key, Some(self.value()?))),
            _ => None,
        }
    }

    fn value(&mut self) -> Option<Vec<u8>> {
        let mut value = Vec::new();
        let mut is_quoted = false;
        // Space counts only if something is behind it.
        let mut end = 0;
        loop {
            match self.next() {
                b'\n' if is_quoted => return None,
                b'\n' => break,
                b'#' | b';' if !is_quoted => {
                    while self.next() != b'\n' {}
                    break;
                }
                byte if is_space(byte) && !is_quoted => {
                    if !value.is_empty() {
                        value.push(byte);
                    }
                    continue;
                }
                b'"' => is_quoted = !is_quoted,
                b'\\' => match self.next() {
                    b'\n' => {}
                    b't' => value.push(b'\t'),
                    b'b' => value.push(8),
                    b'n' => value.push(b'\n'),
                    byte @ (b'\\' | b'"') => value.push(byte),
                    _ => return None,
                },
                byte => value.push(byte),
            }
            end = value.len();
        }
        value.truncate(end);
        // Git keeps it as a string that a byte of zero ends.
        let zero = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
        value.truncate(zero);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Result<Vec<String>, BadLine> {
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(parse(text.as_bytes())?
            .iter()
            .map(|entry| {
                let subsection = entry.subsection.as_deref().map(|name| shown(name) + ":");
                let value = entry.value.as_deref().map_or("-".to_owned(), shown);
                let (section, key) = (shown(&entry.section), shown(&entry.key));
                format!("{section}.{}{key}={value}", subsection.unwrap_or_default())
            })
            .collect())
    }

    #[test]
    fn sections_keys_and_values_are_read_as_git_reads_them() {
        for (text, entries) in [
            ("[core] excludesFile = x", &["core.excludesfile=x"][..]),
            ("[CORE]\n\tExcludesFile=a b \t# why", &["core.excludesfile=a b"]),
            ("[a \"B \\\"c\"]k", &["a.B \"c:k=-"]),
            ("[a.B]k=", &["a.b.k="]),
            ("[a]k=\"x # \" y ; z", &["a.k=x #  y"]),
            ("[a]k=\"\\t\\\\\"\\\nb", &["a.k=\t\\b"]),
            ("\u{feff}[a]\r\nk = v\r\n", &["a.k=v"]),
            ("# [b]\n[a]\nk = 1\nk = 2", &["a.k=1", "a.k=2"]),
        ] {
            assert_eq!(values(text).expect(text), entries, "{text}");
        }
        for (text, line) in [
            ("[a", 1),
            ("[a]\n=x", 2),
            ("[a]\nk x", 2),
            ("[a]k=\"x", 1),
            ("[a]k=\\x", 1),
            ("[a b]", 1),
        ] {
            assert_eq!(values(text), Err(BadLine(line)), "{text}");
        }
    }
}
