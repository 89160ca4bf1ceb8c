//! Aligned lines of a name and a value. Knows nothing of what they are about.

use super::paint::{Paint, Style};

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
        // As wide as the longest name.
        let name = format!("{name:<12}");
        self.text.push_str(&self.paint.apply(Style::Dim, &name));
        self.text.push(' ');
        self.text.push_str(value.as_ref());
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
