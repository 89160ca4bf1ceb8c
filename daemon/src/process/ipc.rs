//! The messages between the daemon and the supervisor of one attempt. Both are always the same
//! program, so there are no versions.
//!
//! Daemon to supervisor: one JSON line [`Header`], then the texts it counts, each ended by NUL
//! (the command's arguments and environment are bytes, and can have anything but NUL); the
//! descriptors travel with the first byte, that of stdin first. Then JSON lines
//! [`SupervisorRequest`].
//! Supervisor to daemon: JSON lines [`SupervisorEvent`].

use std::ffi::{OsStr, OsString};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use serde::{Deserialize, Serialize};

use super::orphans::MARKER;
use super::spec::{Launch, MOST_DESCRIPTORS};
use crate::model::ProcessState;
use crate::model::process_state::DESCRIPTORS_BELOW;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    arguments: usize,
    variables: usize,
    texts_bytes: usize,
    umask: Option<u32>,
    nofile: Option<(u64, u64)>,
    terminal: bool,
    state: Option<ProcessState>,
    stdin: bool,
    descriptors: Vec<RawFd>,
}

/// The launch as the supervisor receives it.
#[derive(Debug)]
pub(super) struct ReceivedLaunch {
    pub(super) argv: Vec<OsString>,
    pub(super) cwd: PathBuf,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) umask: Option<u32>,
    pub(super) nofile: Option<(u64, u64)>,
    pub(super) terminal: bool,
    pub(super) state: Option<ProcessState>,
    pub(super) stdin: Option<OwnedFd>,
    pub(super) descriptors: Vec<(RawFd, OwnedFd)>,
}

/// What the daemon asks for after the start.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum SupervisorRequest {
    /// Send SIGTERM to the tree, and SIGKILL after the grace.
    Stop { grace_ms: u64 },
    /// Output has come since the command ended.
    Wrote,
}

/// What the supervisor reports.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum SupervisorEvent {
    Started {
        pid: u32,
    },
    NotStarted(StartFailure),
    /// The command has ended and something that it started has not: [`SupervisorRequest::Wrote`] is
    /// wanted.
    Lingering,
    Ended(CommandEnd),
}

/// Why no command runs. The texts name the operation and its error, for people.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum StartFailure {
    NotFound(String),
    NotExecutable(String),
    SpawnFailed(String),
}

/// The end of a command that ran. Exactly one of `code` and `signal` is present.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CommandEnd {
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(super) duration_us: u64,
    pub(super) cpu_us: u64,
    pub(super) peak_rss_bytes: u64,
    pub(super) cut_off: Option<String>,
}

/// The bytes of a launch, without its stdin.
pub(super) fn encode(launch: &Launch) -> Vec<u8> {
    let mut texts = Vec::with_capacity(16 * 1024);
    let mut push = |text: &OsStr| {
        texts.extend_from_slice(text.as_bytes());
        texts.push(0);
    };
    push(launch.cwd.as_os_str());
    launch.argv.iter().for_each(|argument| push(argument));
    let given = launch.environment.iter().map(|(name, value)| (&**name, &**value));
    let marked = given.chain([(OsStr::new(MARKER), OsStr::new(&launch.marker))]);
    marked.for_each(|(name, value)| {
        push(name);
        push(value);
    });
    let header = Header {
        arguments: launch.argv.len(),
        variables: launch.environment.len() + 1,
        texts_bytes: texts.len(),
        umask: launch.umask,
        nofile: launch.nofile,
        terminal: launch.terminal.is_some(),
        state: launch.state.as_deref().cloned(),
        // With a terminal it is copied into that.
        stdin: launch.terminal.is_none() && launch.stdin.is_some(),
        descriptors: launch.descriptors.iter().map(|(number, _)| *number).collect(),
    };
    let mut bytes = line(&header);
    bytes.append(&mut texts);
    bytes
}

/// One JSON line.
pub(super) fn line(message: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(message).expect("BUG: a control message is plain JSON");
    bytes.push(b'\n');
    bytes
}

/// Sends a launch, waiting for room; the descriptors travel with its first byte.
///
/// # Errors
///
/// When the supervisor is gone.
pub(super) fn send<'a>(
    stream: &UnixStream,
    bytes: &[u8],
    descriptors: impl Iterator<Item = &'a OwnedFd>,
) -> io::Result<()> {
    let descriptors: Vec<_> = descriptors.map(OwnedFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&descriptors)];
    let rights = if descriptors.is_empty() { &rights[..0] } else { &rights[..] };
    let first = [IoSlice::new(bytes)];
    let sent = sendmsg::<()>(stream.as_raw_fd(), &first, rights, MsgFlags::empty(), None)?;
    let mut stream = stream;
    stream.write_all(&bytes[sent..])
}

/// Receives from the socket; holds what is not parsed yet.
#[derive(Debug, Default)]
pub(super) struct ControlReader(Vec<u8>);

impl ControlReader {
    /// Reads what is available, waiting for a first byte. False at the end of the stream.
    pub(super) fn fill(&mut self, mut stream: &UnixStream) -> io::Result<bool> {
        let mut chunk = [0; 4096];
        let n = stream.read(&mut chunk)?;
        self.0.extend_from_slice(&chunk[..n]);
        Ok(n > 0)
    }

    /// The next whole line, parsed; one that can not be parsed is an error.
    pub(super) fn next<T: for<'de> Deserialize<'de>>(&mut self) -> io::Result<Option<T>> {
        let Some(end) = self.0.iter().position(|&byte| byte == b'\n') else {
            return Ok(None);
        };
        let line: Vec<u8> = self.0.drain(..=end).collect();
        Ok(Some(serde_json::from_slice(&line)?))
    }

    /// Receives the launch that every supervisor is sent first.
    ///
    /// # Errors
    ///
    /// When the daemon is gone, or sends anything else.
    pub(super) fn launch(&mut self, stream: &UnixStream) -> io::Result<ReceivedLaunch> {
        let mut received = Vec::new();
        let header: Header = loop {
            if let Some(header) = self.next()? {
                break header;
            }
            self.receive(stream, &mut received)?;
        };
        while self.0.len() < header.texts_bytes {
            self.receive(stream, &mut received)?;
        }
        let mut received = received.into_iter();
        let mut descriptor =
            || received.next().ok_or_else(|| io::Error::other("a descriptor was not passed"));
        let stdin = header.stdin.then(&mut descriptor).transpose()?;
        let numbers = header.descriptors.into_iter();
        let descriptors =
            numbers.map(|number| Ok((number, descriptor()?))).collect::<io::Result<Vec<_>>>()?;
        let texts: Vec<u8> = self.0.drain(..header.texts_bytes).collect();
        let mut texts = texts.split(|&byte| byte == 0).map(|text| OsString::from_vec(text.into()));
        let mut text = || texts.next().ok_or_else(|| io::Error::other("a launch is cut short"));
        Ok(ReceivedLaunch {
            cwd: text()?.into(),
            argv: (0..header.arguments).map(|_| text()).collect::<Result<_, _>>()?,
            environment: (0..header.variables)
                .map(|_| Ok((text()?, text()?)))
                .collect::<io::Result<_>>()?,
            umask: header.umask,
            nofile: header.nofile,
            terminal: header.terminal,
            state: header.state,
            stdin,
            descriptors,
        })
    }

    fn receive(&mut self, stream: &UnixStream, received: &mut Vec<OwnedFd>) -> io::Result<()> {
        let mut chunk = vec![0; 64 * 1024];
        let mut space = nix::cmsg_space!([RawFd; MOST_DESCRIPTORS + 1]);
        let mut iov = [IoSliceMut::new(&mut chunk)];
        #[cfg(target_os = "linux")]
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        #[cfg(not(target_os = "linux"))]
        let flags = MsgFlags::empty();
        let message = recvmsg::<()>(stream.as_raw_fd(), &mut iov, Some(&mut space), flags)?;
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(passed) = control {
                received.extend(passed.into_iter().map(|raw| out_of_the_way(owned(raw))));
            }
        }
        let n = message.bytes;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.0.extend_from_slice(&chunk[..n]);
        Ok(())
    }
}

/// The same descriptor above the numbers that the command may be promised, if there is room.
pub(super) fn out_of_the_way(descriptor: OwnedFd) -> OwnedFd {
    use nix::fcntl::{FcntlArg, fcntl};
    match fcntl(&descriptor, FcntlArg::F_DUPFD_CLOEXEC(DESCRIPTORS_BELOW)) {
        Ok(raw) => owned(raw),
        Err(_) => descriptor,
    }
}

#[expect(unsafe_code, reason = "the kernel hands descriptors over as numbers")]
fn owned(raw: std::os::fd::RawFd) -> OwnedFd {
    // SAFETY: the number came from the kernel just now, so it is open, and nothing else owns it.
    unsafe { OwnedFd::from_raw_fd(raw) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_arrives_as_it_was_sent_with_bytes_that_are_not_text() {
        let (mut reader, writer) = std::io::pipe().expect("pipe");
        let odd = || OsString::from_vec(vec![0xff, b'=', b'\n', b'"']);
        let mut launch = Launch {
            argv: vec!["a".into(), "".into(), odd()],
            cwd: "/some where".into(),
            environment: vec![("K".into(), odd()), ("EMPTY".into(), "".into())],
            umask: Some(0o27),
            nofile: Some((100, 200)),
            state: Some(std::sync::Arc::new(ProcessState { nice: Some(-3), ..Default::default() })),
            descriptors: vec![(9, writer.into())],
            stdin: None,
            one_stream: false,
            terminal: None,
            marker: "m".to_owned(),
        };
        let (ours, theirs) = UnixStream::pair().expect("socketpair");
        let passed = launch.descriptors.iter().map(|(_, descriptor)| descriptor);
        send(&ours, &encode(&launch), passed).expect("send");
        launch.descriptors.clear();
        (&ours).write_all(&line(&SupervisorRequest::Stop { grace_ms: 7 })).expect("request");

        let mut control = ControlReader::default();
        let spec = control.launch(&theirs).expect("launch");
        assert_eq!(spec.argv, launch.argv);
        assert_eq!(spec.cwd, launch.cwd);
        let mut marked = launch.environment;
        marked.push((MARKER.into(), "m".into()));
        assert_eq!(spec.environment, marked);
        assert_eq!((spec.umask, spec.nofile, spec.terminal), (Some(0o27), Some((100, 200)), false));
        assert_eq!((spec.state, spec.stdin.is_none()), (launch.state.as_deref().cloned(), true));
        let mut descriptors = spec.descriptors;
        let (number, passed) = descriptors.pop().expect("the descriptor came along");
        assert_eq!((number, descriptors.len()), (9, 0));
        std::fs::File::from(passed).write_all(b"x").expect("write");
        let mut got = Vec::new();
        reader.read_to_end(&mut got).expect("read");
        assert_eq!(got, b"x");

        while control.0.is_empty() {
            control.fill(&theirs).expect("fill");
        }
        assert!(matches!(
            control.next().expect("json"),
            Some(SupervisorRequest::Stop { grace_ms: 7 })
        ));
    }
}
