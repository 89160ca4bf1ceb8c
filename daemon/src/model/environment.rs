//! Which variables make an action what it is.
//!
//! A variable that a command may read can change its result, so all of them count, except those
//! listed here: they say where, when and by whom a command was asked for. To leave one out that
//! matters would serve a foreign result; to keep one in that does not only misses a join. So what
//! is doubtful counts: the size of a terminal (`COLUMNS`), by which tools break their lines; where
//! tools look for their configuration and data (`XDG_CONFIG_HOME`); and what a package manager
//! says of the script it runs (`npm_lifecycle_event`), which configurations read.

use std::ffi::OsStr;

/// How much of a variable makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Its value.
    Value,
    /// Whether it is set to something.
    Presence,
    /// Nothing of it.
    Nothing,
}

/// Variables that never matter to a build's result.
#[derive(Debug)]
struct Noise {
    /// Their names.
    names: &'static [&'static str],
    /// Beginnings of their names.
    prefixes: &'static [&'static str],
}

/// Which terminal or multiplexer, and which window of it.
const TERMINALS: Noise = Noise {
    names: &[
        "COLORFGBG",
        "COLORTERM",
        "SHELL_SESSION_ID",
        "STY",
        "TABBY_CONFIG_DIRECTORY",
        "TERM",
        "TERMINAL_EMULATOR",
        "TERMINATOR_DBUS_NAME",
        "TERMINATOR_DBUS_PATH",
        "TERMINATOR_UUID",
        "TERM_PROGRAM",
        "TERM_PROGRAM_VERSION",
        "TERM_SESSION_ID",
        "TMUX",
        "TMUX_PANE",
        "WINDOWID",
        "WINDOWPATH",
        "WSL_INTEROP",
        "WT_PROFILE_ID",
        "WT_SESSION",
        "ZELLIJ",
    ],
    prefixes: &[
        "ALACRITTY_",
        "GHOSTTY_",
        "GNOME_TERMINAL_",
        "GUAKE_",
        "ITERM_",
        "KITTY_",
        "KONSOLE_",
        "LC_TERMINAL",
        "TILIX_",
        "VTE_",
        "WARP_",
        "WEZTERM_",
        "ZELLIJ_",
    ],
};

/// Which shell, its prompt and its history, and what hooks into these.
const SHELLS: Noise = Noise {
    names: &[
        "HISTCONTROL",
        "HISTFILE",
        "HISTFILESIZE",
        "HISTIGNORE",
        "HISTSIZE",
        "HISTTIMEFORMAT",
        "LS_COLORS",
        "MAIL",
        "MISE_SHELL",
        "OLDPWD",
        "PROMPT_COMMAND",
        "PS1",
        "PS2",
        "PS4",
        "PWD",
        "RPROMPT",
        "SHLVL",
        "_",
    ],
    prefixes: &["ATUIN_", "DIRENV_", "MCFLY_", "P9K_", "POSH_", "STARSHIP_", "_P9K_", "__MISE_"],
};

/// Which editor asks, and what is started where a person is to read, write or type a secret.
/// Builds do none of that: they have no terminal.
const EDITORS: Noise = Noise {
    names: &[
        "CHROME_CRASHPAD_PIPE_NAME",
        "EDITOR",
        "GH_PAGER",
        "GIT_ASKPASS",
        "GIT_EDITOR",
        "GIT_PAGER",
        "INSIDE_EMACS",
        "LESS",
        "LESSCLOSE",
        "LESSOPEN",
        "MANPAGER",
        "MYVIMRC",
        "NVIM",
        "PAGER",
        "RA_LOG",
        "SSH_ASKPASS",
        "VIM",
        "VIMRUNTIME",
        "VISUAL",
    ],
    prefixes: &["NVIM_", "VSCODE_", "ZED_"],
};

/// Which agent, session or measurement asks. `COREPACK_ENABLE_AUTO_PIN` is what agents set so that
/// corepack does not write down which package manager it found.
const AGENTS: Noise = Noise {
    names: &[
        "AGENT",
        "AI_AGENT",
        "AMP_CURRENT_THREAD_ID",
        "AMP_THREAD_ID",
        "ANTIGRAVITY_AGENT",
        "AUGMENT_AGENT",
        "CLAUDECODE",
        "CLAUDE_EFFORT",
        "CLAUDE_ENV_FILE",
        "CLAUDE_PROJECT_DIR",
        "CLAUDE_SESSION_ID",
        "CLINE_ACTIVE",
        "COREPACK_ENABLE_AUTO_PIN",
        "CRUSH",
        "GEMINI_CLI",
        "GOOSE_TERMINAL",
        "HYPERFINE_RANDOMIZED_ENVIRONMENT_OFFSET",
        "KILO",
        "OPENCODE",
        "PI_CODING_AGENT",
        "QWEN_CODE",
        "TRACEPARENT",
        "TRACESTATE",
    ],
    prefixes: &["BD_", "CLAUDE_CODE_", "CODEX_", "COPILOT_", "CURSOR_", "GEMINI_CLI_", "OPENCODE_"],
};

/// Which session of a desktop or service manager, and which login.
const SESSIONS: Noise = Noise {
    names: &[
        "CHROME_DESKTOP",
        "DESKTOP_SESSION",
        "DESKTOP_STARTUP_ID",
        "GIO_LAUNCHED_DESKTOP_FILE",
        "GIO_LAUNCHED_DESKTOP_FILE_PID",
        "GNOME_DESKTOP_SESSION_ID",
        "GNOME_SETUP_DISPLAY",
        "GNOME_SHELL_SESSION_MODE",
        "GPG_AGENT_INFO",
        "GPG_TTY",
        "INVOCATION_ID",
        "JOURNAL_STREAM",
        "MANAGERPID",
        "MANAGERPIDFDID",
        "MEMORY_PRESSURE_WATCH",
        "MEMORY_PRESSURE_WRITE",
        "SECURITYSESSIONID",
        "SESSION_MANAGER",
        "SSH_AGENT_PID",
        "SSH_CLIENT",
        "SSH_CONNECTION",
        "SSH_TTY",
        "SYSTEMD_EXEC_PID",
        "XDG_ACTIVATION_TOKEN",
        "XDG_CURRENT_DESKTOP",
        "XDG_GREETER_DATA_DIR",
        "XDG_MENU_PREFIX",
        "XDG_VTNR",
        "XMODIFIERS",
        "XPC_FLAGS",
        "XPC_SERVICE_NAME",
        "__CFBundleIdentifier",
    ],
    prefixes: &["XDG_SEAT", "XDG_SESSION_"],
};

const NOISE: [&Noise; 5] = [&TERMINALS, &SHELLS, &EDITORS, &AGENTS, &SESSIONS];

/// Where something is reached that belongs to a session: a display, a bus, an agent of keys, a
/// directory of sockets, a shell's choice of Node. A build may do another thing where there is
/// none, but each session has its own by another name.
const PRESENCE: &[&str] = &[
    "DBUS_SESSION_BUS_ADDRESS",
    "DBUS_STARTER_ADDRESS",
    "DBUS_STARTER_BUS_TYPE",
    "DISPLAY",
    "FNM_MULTISHELL_PATH",
    "SSH_AUTH_SOCK",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
];

/// How much of this variable makes two runs that differ in it only different actions.
#[must_use]
pub fn weight(name: &OsStr) -> Weight {
    let Some(name) = name.to_str() else { return Weight::Value };
    let is_noise = |noise: &&Noise| {
        noise.names.contains(&name) || noise.prefixes.iter().any(|p| name.starts_with(p))
    };
    if PRESENCE.contains(&name) {
        Weight::Presence
    } else if NOISE.iter().any(is_noise) {
        Weight::Nothing
    } else {
        Weight::Value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt as _;

    fn check(names: &str, expected: Weight) {
        for name in names.split_whitespace() {
            assert_eq!(weight(OsStr::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn what_a_build_may_read_counts() {
        check(
            "PATH HOME USER LOGNAME SHELL RUSTFLAGS CC LANG TZ CI NODE_ENV MY_FLAG DIRENV \
             COLUMNS LINES NO_COLOR FORCE_COLOR CLICOLOR CLICOLOR_FORCE BROWSER \
             XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME XDG_STATE_HOME XDG_CONFIG_DIRS \
             XDG_DATA_DIRS XDG_BIN_HOME GIT_DIR GIT_CONFIG_GLOBAL GIT_SSH_COMMAND MISE_ENV \
             FNM_DIR NVM_BIN npm_lifecycle_event npm_config_user_agent INIT_CWD \
             ELECTRON_RUN_AS_NODE GTK_MODULES __CF_USER_TEXT_ENCODING GEMINI_API_KEY \
             CLAUDE_MODEL COREPACK_HOME",
            Weight::Value,
        );
    }

    #[test]
    fn what_says_who_asks_and_where_does_not() {
        check(
            "TERM SHLVL TMUX_PANE BD_SESSION CODEX_THREAD_ID KITTY_PID ATUIN_SESSION \
             STARSHIP_SESSION_KEY DIRENV_DIFF __MISE_DIFF MCFLY_SESSION_ID POSH_SESSION_ID \
             WT_SESSION WT_PROFILE_ID NVIM VIMRUNTIME INSIDE_EMACS P9K_TTY _P9K_TTY \
             _P9K_SSH_TTY GIT_ASKPASS GIT_EDITOR GIT_PAGER GH_PAGER SSH_ASKPASS ZELLIJ \
             ZELLIJ_PANE_ID WSL_INTEROP SYSTEMD_EXEC_PID MANAGERPID GEMINI_CLI OPENCODE \
             OPENCODE_PID COPILOT_DEBUG_NONCE AMP_THREAD_ID CLAUDE_ENV_FILE \
             COREPACK_ENABLE_AUTO_PIN XDG_SESSION_ID XDG_SEAT XDG_SEAT_PATH XDG_VTNR",
            Weight::Nothing,
        );
    }

    #[test]
    fn of_what_a_session_offers_it_counts_whether_it_is_there() {
        check("DISPLAY WAYLAND_DISPLAY XAUTHORITY SSH_AUTH_SOCK", Weight::Presence);
        check("DBUS_SESSION_BUS_ADDRESS XDG_RUNTIME_DIR FNM_MULTISHELL_PATH", Weight::Presence);
    }

    #[test]
    fn a_name_that_is_not_utf_8_counts() {
        for name in [&b"TERM\xff"[..], b"BD_\xff"] {
            assert_eq!(weight(OsStr::from_bytes(name)), Weight::Value);
        }
    }

    #[test]
    fn the_lists_are_sorted_so_that_they_stay_readable() {
        for noise in NOISE {
            assert!(noise.names.is_sorted(), "{:?}", noise.names);
            assert!(noise.prefixes.is_sorted(), "{:?}", noise.prefixes);
        }
        assert!(PRESENCE.is_sorted());
    }
}
