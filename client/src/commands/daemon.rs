//! `bdctl daemon start|stop|restart|status`. Only the first and the third start one.

use super::daemon_logs::{self, DaemonLogsArgs};
use crate::caller::{Caller, print};
use crate::command_error::CommandError;
use crate::render::document::document;
use crate::render::paint::{Paint, Style};
use crate::render::text::{duration, escape_control, os, size};
use bd_client::{Client, ClientError, StartPolicy, Stopped};
use bd_protocol::OsText;
use bd_protocol::hello::ShutdownWhen;
use bd_protocol::service::DaemonStatus;
use clap::{Args, Subcommand};
use serde::Serialize;

/// Start, stop and inspect the daemon
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bdctl daemon status\n  bdctl daemon stop --when-idle\n  bdctl daemon logs --follow"
)]
pub(crate) struct DaemonArgs {
    #[command(subcommand)]
    pub(crate) command: DaemonCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DaemonCommand {
    /// Start the daemon if it is not running
    Start {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop the daemon and its builds within five seconds
    Stop {
        /// Only if no build is waiting or running
        #[arg(long)]
        when_idle: bool,
    },
    /// Stop the daemon and start it again
    Restart {
        /// Only if no build is waiting or running
        #[arg(long)]
        when_idle: bool,
    },
    /// Show whether the daemon is running; does not start it
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    Logs(DaemonLogsArgs),
}

/// Body of `bd.daemon/1`. What only a daemon that answers can say is `null` where none does.
#[derive(Serialize)]
struct Daemon {
    running: bool,
    /// Whether it answers; a running daemon may be suspended, starting or stopping.
    answering: bool,
    pid: Option<u32>,
    version: Option<String>,
    socket: OsText,
    log_dir: OsText,
    started_at: Option<String>,
    uptime_ms: Option<u64>,
    rss_bytes: Option<u64>,
    max_executions: Option<u32>,
    warnings: Vec<String>,
}

impl Daemon {
    fn new(client: &Client, pid: Option<u32>, status: Option<DaemonStatus>) -> Self {
        let home = client.home();
        let (answering, warnings) =
            (status.is_some(), status.clone().map(|status| status.warnings));
        let status = status.as_ref();
        Self {
            running: pid.is_some() || answering,
            answering,
            pid: status.map(|status| status.pid).or(pid),
            version: status.map(|status| status.version.clone()),
            socket: home.socket().into(),
            log_dir: home.log_dir().to_path_buf().into(),
            started_at: status.map(|status| status.started_at.clone()),
            uptime_ms: status.map(|status| status.uptime_ms),
            rss_bytes: status.map(|status| status.rss_bytes),
            max_executions: status.map(|status| status.max_executions),
            warnings: warnings.unwrap_or_default(),
        }
    }

    fn page(&self, paint: Paint) -> String {
        let socket = os(&self.socket);
        let mut text = match (self.running, self.pid) {
            (false, _) => format!("not running (socket {socket})\n"),
            (true, Some(pid)) if !self.answering => {
                format!("pid {pid} is running and does not answer\n")
            }
            (true, _) if !self.answering => "running and does not answer\n".to_owned(),
            (true, pid) => format!(
                "bdd {} is running · pid {} · up {} · {} · socket {socket}\n",
                escape_control(self.version.as_deref().unwrap_or("?")),
                pid.unwrap_or_default(),
                duration(self.uptime_ms.unwrap_or_default()),
                size(self.rss_bytes.unwrap_or_default()),
            ),
        };
        for warning in &self.warnings {
            text.push_str(
                &paint.apply(Style::Yellow, &format!("warning: {}", escape_control(warning))),
            );
            text.push('\n');
        }
        text
    }
}

pub(crate) fn run(args: &DaemonArgs, caller: &Caller) -> Result<u8, CommandError> {
    match &args.command {
        DaemonCommand::Start { json } => start(*json, caller),
        DaemonCommand::Stop { when_idle } => stop(*when_idle, caller),
        DaemonCommand::Restart { when_idle } => restart(*when_idle, caller),
        DaemonCommand::Status { json } => status(*json, caller),
        DaemonCommand::Logs(args) => daemon_logs::run(args, caller),
    }
}

fn start(json: bool, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::Always)?;
    let status = client.status()?;
    show(&Daemon::new(&client, None, Some(status.daemon)), json, caller)
}

fn stop(when_idle: bool, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::Never)?;
    let when = if when_idle { ShutdownWhen::Idle } else { ShutdownWhen::Now };
    match client.stop(when)? {
        Stopped::NotRunning => print("not running\n")?,
        Stopped::Ended => print("stopped\n")?,
        Stopped::Killed { pid } => {
            print(&format!("killed (pid {pid} did not end when it was asked to)\n"))?;
        }
    }
    Ok(0)
}

fn restart(when_idle: bool, caller: &Caller) -> Result<u8, CommandError> {
    // A mistake in the configuration is found before everybody's builds end, not after.
    if let Some(said) = bd_client::check_configuration().map_err(ClientError::from)? {
        return Err(CommandError::Config { said });
    }
    stop(when_idle, caller)?;
    start(false, caller)
}

fn status(json: bool, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::Never)?;
    let daemon = match client.status() {
        Ok(status) => Daemon::new(&client, None, Some(status.daemon)),
        Err(ClientError::NotRunning { .. } | ClientError::Silent { .. } | ClientError::Closed) => {
            Daemon::new(&client, client.living_pid()?, None)
        }
        Err(error) => return Err(error.into()),
    };
    show(&daemon, json, caller)
}

fn show(daemon: &Daemon, json: bool, caller: &Caller) -> Result<u8, CommandError> {
    let paint = Paint::new(caller.color, &std::io::stdout());
    print(&if json { document("bd.daemon/1", daemon) } else { daemon.page(paint) })?;
    Ok(0)
}
