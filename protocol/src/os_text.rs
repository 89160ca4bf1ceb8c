//! Text as the operating system has it: usually UTF-8, any bytes in truth.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// An argument, path or environment value. On the wire a JSON string where it is UTF-8, else
/// `{"base64": "…"}`, so that nothing is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OsText(pub OsString);

#[derive(Serialize, Deserialize)]
struct Encoded {
    base64: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Wire {
    Text(String),
    Encoded(Encoded),
}

impl Serialize for OsText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.to_str() {
            Some(text) => serializer.serialize_str(text),
            None => {
                Encoded { base64: BASE64_STANDARD.encode(self.0.as_bytes()) }.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for OsText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Wire::deserialize(deserializer)? {
            Wire::Text(text) => Ok(Self(text.into())),
            Wire::Encoded(Encoded { base64 }) => {
                let bytes = BASE64_STANDARD.decode(base64).map_err(D::Error::custom)?;
                Ok(Self(OsString::from_vec(bytes)))
            }
        }
    }
}

impl OsText {
    /// The same text as a path.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl From<OsString> for OsText {
    fn from(text: OsString) -> Self {
        Self(text)
    }
}

impl From<PathBuf> for OsText {
    fn from(path: PathBuf) -> Self {
        Self(path.into())
    }
}

impl From<&str> for OsText {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl AsRef<OsStr> for OsText {
    fn as_ref(&self) -> &OsStr {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_survive_the_wire() {
        for bytes in [&b"plain"[..], b"", b"\xff\xfe not utf-8", "gr\u{fc}n".as_bytes()] {
            let text = OsText(OsStr::from_bytes(bytes).to_owned());
            let wire = serde_json::to_string(&text).expect("serialise");
            assert_eq!(serde_json::from_str::<OsText>(&wire).expect(&wire), text);
        }
        assert_eq!(serde_json::to_string(&OsText::from("a b")).expect("serialise"), "\"a b\"");
    }
}
