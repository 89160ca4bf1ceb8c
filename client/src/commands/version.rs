//! `bdctl version`. Does not start a daemon.

use crate::caller::{Caller, print};
use crate::command_error::CommandError;
use crate::render::document::document;
use crate::render::text::escape_control;
use bd_client::{ClientError, StartPolicy};
use bd_protocol::hello::{OUR_RANGE, PRODUCT_VERSION, ProtocolRange};
use clap::Args;
use serde::Serialize;

/// Show the versions of bdctl and of the running daemon
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bdctl version\n  bdctl version --json")]
pub(crate) struct VersionArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct Versions {
    version: &'static str,
    protocol: ProtocolRange,
    /// `null` when none is running.
    daemon: Option<DaemonVersion>,
}

#[derive(Serialize)]
struct DaemonVersion {
    version: String,
    /// `null` when it refused us.
    pid: Option<u32>,
    /// Protocol version in use; `null` when there is none in common.
    protocol: Option<u32>,
}

pub(super) fn run(args: &VersionArgs, caller: &Caller) -> Result<u8, CommandError> {
    let daemon = match caller.client(StartPolicy::Never)?.control() {
        Ok(control) => {
            let welcome = control.welcome();
            Some(DaemonVersion {
                version: welcome.version.clone(),
                pid: Some(welcome.pid),
                protocol: Some(welcome.protocol),
            })
        }
        Err(ClientError::Refused { version, .. }) => {
            Some(DaemonVersion { version, pid: None, protocol: None })
        }
        Err(ClientError::NotRunning { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let versions = Versions { version: PRODUCT_VERSION, protocol: OUR_RANGE, daemon };
    if args.json {
        print(&document("bd.version/1", &versions))?;
        return Ok(0);
    }
    let daemon = match versions.daemon {
        Some(DaemonVersion { version, pid: Some(pid), .. }) => format!("{version} (pid {pid})"),
        Some(DaemonVersion { version, .. }) => format!("{version} (shares no protocol with bdctl)"),
        None => "not running".to_owned(),
    };
    print(&format!("bdctl {PRODUCT_VERSION}\nbdd   {}\n", escape_control(&daemon)))?;
    Ok(0)
}
