//! The bytes of a stored record: a version, a checksum, and JSON. Knows no record.
//!
//! sled survives a kill without tearing what was flushed, but not a power cut (its flush is no
//! fsync), so every value is checked when it is read.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Version of the layout and of the records in it. Readers know this and all earlier ones.
const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 4;

/// What is wrong with a stored value.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    #[error("shorter than its header")]
    Short,
    #[error("version {0} is not known")]
    Version(u8),
    #[error("its checksum does not match")]
    Checksum,
    #[error("it does not parse: {0}")]
    Parse(#[from] serde_json::Error),
}

pub(super) fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    let json = serde_json::to_vec(record).expect("BUG: a record that is no JSON");
    let mut value = Vec::with_capacity(1 + CHECKSUM_BYTES + json.len());
    value.push(VERSION);
    value.extend_from_slice(&checksum(&json));
    value.extend_from_slice(&json);
    value
}

pub(super) fn decode<T: DeserializeOwned>(value: &[u8]) -> Result<T, FrameError> {
    let (version, rest) = value.split_first().ok_or(FrameError::Short)?;
    if *version != VERSION {
        return Err(FrameError::Version(*version));
    }
    let (sum, json) = rest.split_first_chunk().ok_or(FrameError::Short)?;
    if *sum != checksum(json) {
        return Err(FrameError::Checksum);
    }
    Ok(serde_json::from_slice(json)?)
}

/// The checksum that a value was given.
pub(super) fn sum_of(value: &[u8]) -> Option<[u8; CHECKSUM_BYTES]> {
    value.get(1..)?.first_chunk().copied()
}

fn checksum(json: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let [a, b, c, d, ..] = *blake3::hash(json).as_bytes();
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_damaged_bit_is_noticed() {
        let value = encode(&("a record", 7));
        let decoded: (String, u32) = decode(&value).expect("the record");
        assert_eq!(decoded, ("a record".to_owned(), 7));
        for bit in 0..value.len() * 8 {
            let mut damaged = value.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode::<(String, u32)>(&damaged).is_err(), "bit {bit}");
        }
        for len in 0..value.len() {
            assert!(decode::<(String, u32)>(&value[..len]).is_err(), "cut to {len} bytes");
        }
    }
}
