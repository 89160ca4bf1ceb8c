//! Which variables make an action what it is.
//!
//! A variable that a command may read can change its result, so all of them count, except those
//! listed here: they say where, when and by whom a command was asked for. To leave one out that
//! matters would serve a foreign result; to keep one in that does not only misses a join.

use std::ffi::OsStr;

/// Names that never matter to a build's result.
const NAMES: &[&str] = &[
    "_",
    "AI_AGENT",
    "AGENT",
    "BD_CHANGED_FILES",
    "CLAUDECODE",
    "COLORTERM",
    "COLUMNS",
    "DBUS_SESSION_BUS_ADDRESS",
    "DESKTOP_SESSION",
    "DISPLAY",
    "EDITOR",
    "GPG_AGENT_INFO",
    "GPG_TTY",
    "HISTFILE",
    "HISTSIZE",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LINES",
    "LS_COLORS",
    "MAIL",
    "MANPAGER",
    "OLDPWD",
    "PAGER",
    "PROMPT_COMMAND",
    "PS1",
    "PS2",
    "PS4",
    "PWD",
    "SECURITYSESSIONID",
    "SESSION_MANAGER",
    "SHLVL",
    "SSH_AGENT_PID",
    "SSH_AUTH_SOCK",
    "SSH_CLIENT",
    "SSH_CONNECTION",
    "SSH_TTY",
    "STY",
    "TERM",
    "TERM_PROGRAM",
    "TERM_PROGRAM_VERSION",
    "TERM_SESSION_ID",
    "TMUX",
    "TMUX_PANE",
    "TRACEPARENT",
    "TRACESTATE",
    "VISUAL",
    "WAYLAND_DISPLAY",
    "WINDOWID",
    "WINDOWPATH",
    "XAUTHORITY",
    "XPC_FLAGS",
    "XPC_SERVICE_NAME",
];

/// Beginnings of names that never matter to a build's result.
const PREFIXES: &[&str] = &[
    "ALACRITTY_",
    "BD_",
    "CLAUDE_CODE_",
    "CODEX_",
    "CURSOR_",
    "GHOSTTY_",
    "GNOME_TERMINAL_",
    "ITERM_",
    "KITTY_",
    "KONSOLE_",
    "LC_TERMINAL",
    "NVIM_",
    "VSCODE_",
    "VTE_",
    "WEZTERM_",
    "XDG_",
    "ZED_",
];

/// Whether two runs that differ in this variable only are different actions.
#[must_use]
pub fn matters(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return true };
    !NAMES.contains(&name) && !PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt as _;

    #[test]
    fn what_a_compiler_reads_matters_and_what_a_terminal_sets_does_not() {
        for name in ["PATH", "HOME", "RUSTFLAGS", "CC", "LANG", "CI", "NODE_ENV", "MY_FLAG"] {
            assert!(matters(OsStr::new(name)), "{name}");
        }
        for name in ["TERM", "SHLVL", "TMUX_PANE", "BD_SESSION", "CODEX_THREAD_ID", "KITTY_PID"] {
            assert!(!matters(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn a_name_that_is_not_utf_8_matters() {
        assert!(matters(OsStr::from_bytes(b"TERM\xff")));
        assert!(matters(OsStr::from_bytes(b"BD_\xff")));
    }

    #[test]
    fn the_list_is_sorted_so_that_it_stays_readable() {
        assert!(PREFIXES.is_sorted());
    }
}
