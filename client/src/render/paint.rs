//! Colours, where they are wanted. Knows nothing of what is coloured.

use std::io::IsTerminal;

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    // On a terminal, unless `NO_COLOR` is set. (Doc comments would lengthen every help text.)
    #[default]
    Auto,
    Always,
    Never,
}

/// A colour or weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

/// Applies colours, or leaves text as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// For text that goes to `stream`.
    pub(crate) fn new(choice: ColorChoice, stream: &impl IsTerminal) -> Self {
        let on = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
                stream.is_terminal()
                    && !set("NO_COLOR")
                    && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        };
        Self { on }
    }

    /// Whether there are colours.
    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    /// `text` in `style`.
    pub(crate) fn apply(self, style: Style, text: &str) -> String {
        let code = match style {
            _ if !self.on || text.is_empty() => return text.to_owned(),
            Style::Plain => return text.to_owned(),
            Style::Bold => 1,
            Style::Dim => 2,
            Style::Red => 31,
            Style::Green => 32,
            Style::Yellow => 33,
            Style::Cyan => 36,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_painted_text_has_escapes() {
        let (on, off) = (Paint { on: true }, Paint { on: false });
        assert_eq!(on.apply(Style::Red, "x"), "\x1b[31mx\x1b[0m");
        assert_eq!(on.apply(Style::Plain, "x"), "x");
        assert_eq!(on.apply(Style::Red, ""), "");
        assert_eq!(off.apply(Style::Red, "x"), "x");
    }
}
