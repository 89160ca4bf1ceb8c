//! Length-prefixed frames read from a socket with few system calls: one read takes as much as is
//! there, frames are handed out as slices of the buffer. Knows nothing of what a frame holds.

use bd_protocol::frame::PREFIX_BYTES;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// First size of the buffer: most conversations are a few hundred bytes.
const BUFFER_MIN_BYTES: usize = 16 * 1024;

/// The receiving half of a connection.
#[derive(Debug)]
pub struct Frames {
    stream: UnixStream,
    buffer: Vec<u8>,
    /// What was read and not yet handed out is `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Where the frame begins that was handed out last; it ends at `start`.
    last: usize,
    max: usize,
}

impl Frames {
    /// Reads frames of at most `max` bytes.
    #[must_use]
    pub fn new(stream: UnixStream, max: usize) -> Self {
        Self { stream, buffer: vec![0; BUFFER_MIN_BYTES], start: 0, end: 0, last: 0, max }
    }

    /// The next frame, if it is in the buffer already.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] for a frame longer than allowed.
    pub fn buffered(&mut self) -> io::Result<Option<&[u8]>> {
        let Some(len) = self.next_len()? else { return Ok(None) };
        let from = self.start + PREFIX_BYTES;
        if self.end < from + len {
            return Ok(None);
        }
        (self.last, self.start) = (from, from + len);
        Ok(Some(self.last()))
    }

    /// The frame that was handed out last, until the next read.
    pub(crate) fn last(&self) -> &[u8] {
        &self.buffer[self.last..self.start]
    }

    /// The socket, to write to.
    pub(crate) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Reads once what is there, waiting if nothing is. 0 is the end of the stream.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] when the stream ends inside a frame, else the system's.
    pub fn fill(&mut self) -> io::Result<usize> {
        self.make_room()?;
        loop {
            match self.stream.read(&mut self.buffer[self.end..]) {
                Ok(0) if self.start < self.end => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    self.end += read;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // How the end of a peer shows that did not read everything we sent.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(0),
                Err(error) => return Err(error),
            }
        }
    }

    /// The next frame; `None` at the end of the stream.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::TimedOut`] when it is not there at `deadline`; what is there of it stays
    /// in the buffer. Else as [`Self::buffered`] and [`Self::fill`].
    pub fn next_by(&mut self, deadline: Instant) -> io::Result<Option<&[u8]>> {
        while !self.is_ready()? {
            let left = deadline.saturating_duration_since(Instant::now());
            if !readable([self.stream.as_fd()], Some(left))?[0] {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if self.fill()? == 0 {
                return Ok(None);
            }
        }
        self.buffered()
    }

    fn is_ready(&self) -> io::Result<bool> {
        Ok(self.next_len()?.is_some_and(|len| self.end - self.start >= PREFIX_BYTES + len))
    }

    fn next_len(&self) -> io::Result<Option<usize>> {
        let Some(prefix) = self.buffer[self.start..self.end].first_chunk::<PREFIX_BYTES>() else {
            return Ok(None);
        };
        let len = u32::from_be_bytes(*prefix) as usize;
        if len > self.max {
            let text = format!("frame of {len} bytes, at most {} are allowed here", self.max);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(Some(len))
    }

    /// Makes the rest of a frame that has begun fit, and some more.
    fn make_room(&mut self) -> io::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        let needed = PREFIX_BYTES + self.next_len()?.unwrap_or(0);
        let full = self.end == self.buffer.len();
        if self.start + needed <= self.buffer.len() && !full {
            return Ok(());
        }
        // A full buffer means that more comes than fits: larger reads are fewer reads. Two frames
        // are the most that is useful.
        let cap = 2 * (PREFIX_BYTES + self.max);
        let size = if full { self.buffer.len() * 2 } else { self.buffer.len() }.min(cap);
        let size = size.max(needed).max(self.end - self.start + PREFIX_BYTES);
        if size > self.buffer.len() {
            let mut larger = vec![0; size];
            larger[..self.end - self.start].copy_from_slice(&self.buffer[self.start..self.end]);
            self.buffer = larger;
        } else {
            self.buffer.copy_within(self.start..self.end, 0);
        }
        (self.start, self.end) = (0, self.end - self.start);
        Ok(())
    }
}

impl AsFd for Frames {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Waits until one of the descriptors can be read or has ended, and says which; none after
/// `wait`, which is unbounded where absent.
///
/// # Errors
///
/// The system's own.
pub fn readable<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    wait: Option<Duration>,
) -> io::Result<[bool; N]> {
    let deadline = wait.map(|wait| Instant::now() + wait);
    let mut polled = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    loop {
        let timeout = match deadline {
            None => PollTimeout::NONE,
            Some(deadline) => {
                // Rounded up, so that the last fraction of a millisecond is not spent spinning.
                let left = deadline.saturating_duration_since(Instant::now());
                let left = left + Duration::from_micros(999);
                PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
            }
        };
        match poll(&mut polled, timeout) {
            Ok(_) => return Ok(polled.each_ref().map(|fd| fd.any().unwrap_or(true))),
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bd_protocol::frame;
    use std::io::Write as _;

    #[test]
    fn frames_arrive_whole_however_they_were_cut() {
        let payloads = [vec![1; 10], vec![], vec![2; 100_000], vec![3; 5]];
        let mut wire = Vec::new();
        for payload in &payloads {
            frame::write(&mut wire, payload).unwrap();
        }
        for cut in [1, 7, 1000, 65_536, wire.len()] {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            let wire = wire.clone();
            let writer = std::thread::spawn(move || {
                for piece in wire.chunks(cut) {
                    theirs.write_all(piece).unwrap();
                }
            });
            let mut frames = Frames::new(ours, 100_000);
            let deadline = Instant::now() + Duration::from_secs(20);
            for payload in &payloads {
                assert_eq!(frames.next_by(deadline).unwrap(), Some(&payload[..]), "cut {cut}");
            }
            assert_eq!(frames.next_by(deadline).unwrap(), None);
            writer.join().unwrap();
        }
    }

    #[test]
    fn too_long_torn_and_late_frames_are_errors() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut frames = Frames::new(ours, 100);
        let soon = || Instant::now() + Duration::from_millis(1);
        let kind = |result: io::Result<Option<&[u8]>>| result.unwrap_err().kind();
        assert_eq!(kind(frames.next_by(soon())), io::ErrorKind::TimedOut);
        theirs.write_all(&[0, 0, 0, 9, 1]).unwrap();
        assert_eq!(kind(frames.next_by(soon())), io::ErrorKind::TimedOut);
        drop(theirs);
        assert_eq!(kind(frames.next_by(soon())), io::ErrorKind::UnexpectedEof);

        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(&101_u32.to_be_bytes()).unwrap();
        let kind = kind(Frames::new(ours, 100).next_by(soon()));
        assert_eq!(kind, io::ErrorKind::InvalidData);
    }
}
