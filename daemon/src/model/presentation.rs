//! How the output of a command is to be given. It makes no other action of it: who joins an execution
//! gets its output as that of the execution is.

/// What clients ask of the output of a command, and what its execution then has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presentation {
    /// Standard output and standard error are one stream, and so in order. Nobody can tell them
    /// apart afterwards.
    pub one_stream: bool,
    /// The command is told to use colours though it has no terminal. Whoever shows none takes them
    /// out of the output.
    pub colors: bool,
}

impl Presentation {
    /// What serves all of these clients.
    #[must_use]
    pub fn of_all(asked: impl Iterator<Item = Self>) -> Self {
        let all = asked.reduce(|one, other| Self {
            one_stream: one.one_stream && other.one_stream,
            colors: one.colors || other.colors,
        });
        all.unwrap_or_default()
    }

    /// Whether output that is given so serves a client that asks for `asked`.
    #[must_use]
    pub fn serves(self, asked: Self) -> bool {
        asked.one_stream || !self.one_stream
    }
}
