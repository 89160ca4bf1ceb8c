//! Determines the session: from an option, `BD_SESSION`, or the variables that agents, CI and git
//! set. Knows nothing of what it is used for.

use bd_protocol::session::{ParseSessionError, SESSION_ID_MAX_BYTES};
use bd_protocol::{Session, SessionKind};
use std::io::IsTerminal as _;

/// The session of this process: `explicit` if given, else according to the environment.
///
/// # Errors
///
/// When `explicit` or `BD_SESSION` is not a session.
pub fn recognise(explicit: Option<&str>) -> Result<Session, ParseSessionError> {
    let exists = |path: &str| std::path::Path::new(path).exists();
    let stdin_is_terminal = || std::io::stdin().is_terminal();
    recognise_with(explicit, &|name| std::env::var(name).ok(), &exists, &stdin_is_terminal)
}

/// The same with the environment, the file system and the terminal given by the caller.
///
/// # Errors
///
/// As [`recognise`].
pub fn recognise_with(
    explicit: Option<&str>,
    env: &dyn Fn(&str) -> Option<String>,
    exists: &dyn Fn(&str) -> bool,
    stdin_is_terminal: &dyn Fn() -> bool,
) -> Result<Session, ParseSessionError> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    if let Some(given) = explicit.map(str::to_owned).or_else(|| set("BD_SESSION")) {
        return given.parse();
    }
    if let Some(agent) = is_ai_agent::detect_with(env, exists) {
        let id = agent.session_id.as_deref().and_then(clean);
        let id = id.or_else(|| clean(agent.id.as_str()));
        return Ok(Session { kind: SessionKind::Agent, id });
    }
    let plain = |kind| Ok(Session { kind, id: None });
    if set("CI").is_some_and(|ci| !ci.eq_ignore_ascii_case("false") && ci != "0") {
        return plain(SessionKind::Ci);
    }
    // git sets all of these for its hooks, and gives them no terminal to read from; each alone is
    // also found where a person works.
    let by_git = set("GIT_EXEC_PATH").is_some()
        && (set("GIT_INDEX_FILE").is_some() || set("GIT_REFLOG_ACTION").is_some());
    if by_git && !stdin_is_terminal() {
        return plain(SessionKind::Hook);
    }
    plain(SessionKind::User)
}

/// A foreign id made fit for a session: printable and not too long.
fn clean(id: &str) -> Option<String> {
    let mut id: String = id.chars().filter(|c| !c.is_control()).collect();
    while id.len() > SESSION_ID_MAX_BYTES {
        id.pop();
    }
    Some(id).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(explicit: Option<&str>, vars: &[(&str, &str)], terminal: bool) -> String {
        let env = |name: &str| {
            vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        recognise_with(explicit, &env, &|_| false, &|| terminal)
            .map_or_else(|error| format!("error: {error}"), |session| session.to_string())
    }

    #[test]
    fn who_asks_is_seen_from_option_and_environment() {
        let hook = [("GIT_EXEC_PATH", "/x"), ("GIT_INDEX_FILE", ".git/index")];
        for (explicit, vars, terminal, expected) in [
            (None, &[][..], true, "user"),
            (None, &[][..], false, "user"),
            (Some("editor:vim"), &[("CLAUDECODE", "1")], true, "editor:vim"),
            (None, &[("BD_SESSION", "hook:lint"), ("CI", "true")], true, "hook:lint"),
            (None, &[("BD_SESSION", "")], true, "user"),
            (None, &[("CLAUDECODE", "1")], true, "agent:claude-code"),
            (None, &[("CLAUDECODE", "1"), ("CLAUDE_CODE_SESSION_ID", "s-1")], true, "agent:s-1"),
            (None, &[("CODEX_THREAD_ID", "t9"), ("CI", "true")], true, "agent:t9"),
            (None, &[("CI", "true")], false, "ci"),
            (None, &[("CI", "false")], false, "user"),
            (None, &hook, false, "hook"),
            (None, &hook, true, "user"),
            (None, &hook[..1], false, "user"),
        ] {
            assert_eq!(session(explicit, vars, terminal), expected, "{explicit:?} {vars:?}");
        }
        assert!(session(Some("robot"), &[], true).starts_with("error: 'robot'"));
    }

    #[test]
    fn foreign_ids_are_made_fit() {
        assert_eq!(clean("a\nb"), Some("ab".into()));
        assert_eq!(clean("\n"), None);
        assert_eq!(clean(&"ü".repeat(100)).map(|id| id.len()), Some(128));
    }
}
