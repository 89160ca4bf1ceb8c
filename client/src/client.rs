//! The entry to the library: opens channels to the daemon of one home, and starts or replaces the
//! daemon if needed. Knows nothing of what crosses a channel.

use crate::connect::{self, Connection, Greeting, Notes, PATIENCE, Welcome};
use crate::error::ClientError;
use crate::start;
use crate::upgrade::{self, ShutdownReply};
use crate::version::newer;
use bd_protocol::failure::codes;
use bd_protocol::hello::{Channel, PRODUCT_VERSION, ShutdownWhen};
use bd_protocol::rendezvous::Home;
use bd_protocol::{Failure, Session, limits};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Whether a daemon is started when none is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartPolicy {
    /// Started, unless `BD_NO_AUTOSTART` is set to something other than `0`.
    IfNeeded,
    /// Started, whatever `BD_NO_AUTOSTART` says, because the user asked for a daemon.
    Always,
    /// Not started.
    Never,
}

/// A client of one home's daemon.
pub struct Client {
    home: Home,
    session: Session,
    start: StartPolicy,
    notes: Notes,
    /// Whether the version of the daemon was checked: only the first channel may replace a daemon,
    /// because later ones rely on what the first one requested.
    version_checked: Cell<bool>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("home", &self.home)
            .field("session", &self.session)
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}

/// Attempts after a daemon closed the connection at once; with growing pauses they take two seconds.
const ATTEMPTS: u32 = 20;

impl Client {
    /// A client with this session. Does nothing before the first channel is opened.
    #[must_use]
    pub fn new(home: Home, session: Session, start: StartPolicy) -> Self {
        let notes: Notes = std::sync::Arc::new(|_| {});
        Self { home, session, start, notes, version_checked: Cell::new(false) }
    }

    /// The same, with a function that receives notes: that it takes long, that the daemon is old.
    #[must_use]
    pub fn with_notes(mut self, notes: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.notes = std::sync::Arc::new(notes);
        self
    }

    /// The same client, but it neither starts nor replaces a daemon.
    #[must_use]
    pub fn never_starting(&self) -> Self {
        Self {
            home: self.home.clone(),
            session: self.session.clone(),
            start: StartPolicy::Never,
            notes: self.notes.clone(),
            version_checked: Cell::new(true),
        }
    }

    /// The directories of the daemon.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The session of this client.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Opens a channel; `first` is its first frame, sent along with the hello. It may be lost or read
    /// twice, because the daemon that reads it may be replaced.
    pub(crate) fn open(
        &self,
        channel: Channel,
        first: Option<&[u8]>,
    ) -> Result<Connection, ClientError> {
        self.home.verify()?;
        let opening = connect::opening(channel, &self.session, first);
        let max = match channel {
            Channel::Events => limits::EVENTS_MAX_BYTES,
            Channel::Control | Channel::Input => limits::CONTROL_MAX_BYTES,
        };
        let mut deadline = Instant::now() + PATIENCE;
        let mut closed = 0;
        loop {
            let (stream, started) = match connect::connect(&self.home.socket(), deadline)? {
                Some(stream) => (stream, None),
                None => self.start_one()?,
            };
            match connect::greet(stream, &opening, max, deadline, &self.notes)? {
                Greeting::Welcome(connection) => {
                    if !self.check_version(&connection.welcome)? {
                        return Ok(connection);
                    }
                    deadline = Instant::now() + PATIENCE;
                }
                Greeting::Refused { failure, .. }
                    if failure.code == codes::DRAINING && Instant::now() < deadline =>
                {
                    // The next daemon can start once this one has ended.
                    std::thread::sleep(Duration::from_millis(20));
                }
                Greeting::Refused { failure, version, .. }
                    if failure.code == codes::PROTOCOL_MISMATCH
                        && newer(PRODUCT_VERSION, &version)
                        && !self.version_checked.replace(true) =>
                {
                    self.replace_or_fail(failure, &version)?;
                    deadline = Instant::now() + PATIENCE;
                }
                Greeting::Refused { failure, .. }
                    if failure.code == codes::CONFINED_DAEMON
                        && !self.version_checked.replace(true)
                        && self.replace_if_idle()? =>
                {
                    deadline = Instant::now() + PATIENCE;
                }
                Greeting::Refused { failure, protocol, version } => {
                    let failure = advise(failure, &version);
                    return Err(ClientError::Refused { failure, protocol, version });
                }
                Greeting::Ending(_) => {
                    return Err(connect::misunderstood(
                        "hello",
                        "it stops, though nobody asked it to",
                    ));
                }
                Greeting::Closed => {
                    if let Some(started) = started {
                        return Err(started.died().into());
                    }
                    // It was stopping and has done nothing for this client.
                    closed += 1;
                    if closed == ATTEMPTS {
                        return Err(ClientError::Closed);
                    }
                    std::thread::sleep(Duration::from_millis(10) * closed);
                }
            }
        }
    }

    fn start_one(
        &self,
    ) -> Result<(std::os::unix::net::UnixStream, Option<start::Started>), ClientError> {
        if !self.may_start() {
            let forbidden = self.start == StartPolicy::IfNeeded;
            return Err(ClientError::NotRunning { forbidden });
        }
        start::start(&self.home)
    }

    fn may_start(&self) -> bool {
        match self.start {
            StartPolicy::IfNeeded => std::env::var_os("BD_NO_AUTOSTART")
                .is_none_or(|value| value.is_empty() || value == "0"),
            StartPolicy::Always => true,
            StartPolicy::Never => false,
        }
    }

    /// Ends a daemon that has nothing to do, so that the next channel starts another: with a newer
    /// version, or with what this process has and the starter of that one had not. Returns whether
    /// it has ended; one that works goes on.
    ///
    /// # Errors
    ///
    /// Whatever keeps the daemon from being reached.
    pub fn replace_if_idle(&self) -> Result<bool, ClientError> {
        if !self.may_start() {
            return Ok(false);
        }
        let deadline = Instant::now() + PATIENCE;
        let reply = upgrade::ask_to_end(&self.home, ShutdownWhen::Idle, deadline, &self.notes)?;
        Ok(matches!(reply, ShutdownReply::Ended | ShutdownReply::NobodyListens))
    }

    /// Checks the version of the daemon; returns whether it was replaced.
    fn check_version(&self, welcome: &Welcome) -> Result<bool, ClientError> {
        if self.version_checked.replace(true)
            || !newer(PRODUCT_VERSION, &welcome.version)
            || self.start == StartPolicy::Never
        {
            return Ok(false);
        }
        if welcome.idle && self.replace_if_idle()? {
            return Ok(true);
        }
        (self.notes)(&format!(
            "the daemon is older ({}) than bdctl ({PRODUCT_VERSION}); it is replaced when it is idle",
            welcome.version
        ));
        Ok(false)
    }

    /// Replaces a daemon that has no protocol version in common with this client, if it is idle.
    fn replace_or_fail(&self, failure: Failure, version: &str) -> Result<(), ClientError> {
        if self.replace_if_idle()? {
            return Ok(());
        }
        Err(Failure {
            message: format!(
                "the daemon is older ({version}) than bdctl ({PRODUCT_VERSION}), has no protocol version \
                 in common with it, and has builds to finish"
            ),
            hint: Some(
                "wait for its builds, or end it with `bdctl daemon stop`; the next command starts \
                 the new version"
                    .to_owned(),
            ),
            ..failure
        }
        .into())
    }
}

/// A refusal with the hint that only the client can give.
fn advise(failure: Failure, version: &str) -> Failure {
    if failure.code != codes::PROTOCOL_MISMATCH {
        return failure;
    }
    if newer(version, PRODUCT_VERSION) {
        let hint = format!("upgrade bdctl ({PRODUCT_VERSION}) to {version}, the daemon's version");
        return failure.hint(hint);
    }
    if failure.hint.is_some() {
        return failure;
    }
    failure.hint("`bdctl daemon restart` starts the bdd that belongs to this bdctl")
}
