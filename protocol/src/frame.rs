//! Length-prefixed frames for blocking readers and writers. Knows nothing of what a frame holds.
//!
//! The daemon reads the same frames with `tokio_util`'s `LengthDelimitedCodec`.

use std::io::{self, Read, Write};

/// Bytes of the length prefix: a big-endian `u32`.
pub const PREFIX_BYTES: usize = 4;

/// Writes one frame.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidInput`] when `payload` is longer than a `u32` can say, else the
/// writer's own error.
pub fn write(to: &mut impl Write, payload: &[u8]) -> io::Result<()> {
    let len = u32::try_from(payload.len())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "frame longer than 4 GiB"))?;
    // One write for both: a small frame then costs one system call and wakes its reader once.
    let mut frame = Vec::with_capacity(PREFIX_BYTES + payload.len());
    frame.extend_from_slice(&len.to_be_bytes());
    frame.extend_from_slice(payload);
    to.write_all(&frame)
}

/// Reads one frame into `buffer` (cleared first). Returns `false` at a clean end of the stream,
/// that is, when it ends between two frames.
///
/// The length is checked against `max` before anything is allocated.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidData`] for a frame longer than `max` bytes,
/// [`io::ErrorKind::UnexpectedEof`] when the stream ends inside a frame, else the reader's own.
pub fn read(from: &mut impl Read, max: usize, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let mut prefix = [0; PREFIX_BYTES];
    if !read_prefix(from, &mut prefix)? {
        return Ok(false);
    }
    let len = u32::from_be_bytes(prefix) as usize;
    if len > max {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("frame of {len} bytes, at most {max} are allowed here"),
        ));
    }
    buffer.resize(len, 0);
    from.read_exact(buffer)?;
    Ok(true)
}

fn read_prefix(from: &mut impl Read, prefix: &mut [u8; PREFIX_BYTES]) -> io::Result<bool> {
    let mut filled = 0;
    while filled < PREFIX_BYTES {
        match from.read(&mut prefix[filled..]) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut wire = Vec::new();
        write(&mut wire, b"one").expect("write to memory");
        write(&mut wire, b"").expect("write to memory");
        let (mut from, mut buffer) = (wire.as_slice(), vec![9; 9]);
        assert!(read(&mut from, 3, &mut buffer).expect("a frame"));
        assert_eq!(buffer, b"one");
        assert!(read(&mut from, 3, &mut buffer).expect("an empty frame"));
        assert_eq!(buffer, b"");
        assert!(!read(&mut from, 3, &mut buffer).expect("the end"));
    }

    #[test]
    fn an_oversize_frame_is_refused_before_it_is_allocated() {
        let wire = u32::MAX.to_be_bytes();
        let mut buffer = Vec::new();
        let error = read(&mut wire.as_slice(), 1024, &mut buffer).expect_err("too long");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(buffer.capacity(), 0);
    }

    #[test]
    fn half_a_prefix_and_half_a_frame_are_torn_not_ended() {
        for wire in [&[0, 0][..], &[0, 0, 0, 4, b'x'][..]] {
            let error = read(&mut &*wire, 1024, &mut Vec::new()).expect_err("torn");
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
