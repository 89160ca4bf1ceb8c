//! Aligned lines of a name and a value, which is of others and is escaped here. Knows nothing of what
//! they are about.

use super::paint::{Paint, Style};
use super::text::escape_control;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Facts {
    paint: Paint,
    text: String,
}

impl Facts {
    pub(crate) fn new(paint: Paint) -> Self {
        Self { paint, text: String::new() }
    }

    pub(crate) fn add(&mut self, name: &str, value: impl AsRef<str>) {
        self.add_painted(name, &escape_control(value.as_ref()));
    }

    pub(crate) fn add_styled(&mut self, name: &str, style: Style, value: &str) {
        let value = self.paint.apply(style, &escape_control(value));
        self.add_painted(name, &value);
    }

    /// A value that is made of our own words and colours.
    pub(crate) fn add_painted(&mut self, name: &str, value: &str) {
        // As wide as the longest name.
        let name = format!("{name:<12}");
        self.text.push_str(&self.paint.apply(Style::Dim, &name));
        self.text.push(' ');
        self.text.push_str(value);
        self.text.push('\n');
    }

    pub(crate) fn add_some(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}
