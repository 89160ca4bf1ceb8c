//! Rows in aligned columns; the last column takes what is left of the line. Pure.

use super::paint::{Paint, Style};
use super::text::shorten;

/// One field of a row.
pub(crate) type Cell = (String, Style);

/// Between two columns.
const GAP: &str = "  ";
/// The last column is not cut shorter than this; the terminal then wraps it.
const LAST_MIN: usize = 16;

/// The rows as lines, each ended by a newline. `width` bounds a line, where there is a bound.
/// The first row may be a heading; rows have equal numbers of cells.
pub(crate) fn table(rows: &[Vec<Cell>], paint: Paint, width: Option<usize>) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|(text, _)| text.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let before_last: usize =
        widths.iter().take(columns.saturating_sub(1)).map(|width| width + GAP.len()).sum();
    let last_width = width.map(|width| width.saturating_sub(before_last).max(LAST_MIN));
    let mut lines = String::new();
    for row in rows {
        for (column, (text, style)) in row.iter().enumerate() {
            if column + 1 == columns {
                let text = last_width.map_or_else(|| text.clone(), |width| shorten(text, width));
                lines.push_str(&paint.apply(*style, &text));
            } else {
                lines.push_str(&paint.apply(*style, text));
                let pad = widths[column] - text.chars().count();
                lines.extend(std::iter::repeat_n(' ', pad));
                lines.push_str(GAP);
            }
        }
        let end = lines.trim_end_matches(' ').len();
        lines.truncate(end);
        lines.push('\n');
    }
    lines
}

/// Characters in a line of the terminal that `stream` is, if it is one.
pub(crate) fn width_of(stream: impl std::os::fd::AsFd) -> Option<usize> {
    terminal_size::terminal_size_of(stream).map(|(width, _)| usize::from(width.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::paint::ColorChoice;

    fn cells(texts: &[&str]) -> Vec<Cell> {
        texts.iter().map(|text| ((*text).to_owned(), Style::Plain)).collect()
    }

    #[test]
    fn columns_are_aligned_and_the_last_is_cut() {
        let paint = Paint::new(ColorChoice::Never, &std::io::stdout());
        let rows =
            [cells(&["ID", "STATE", "COMMAND"]), cells(&["b1", "läuft", "cargo build -p x --all"])];
        assert_eq!(
            table(&rows, paint, None),
            "ID  STATE  COMMAND\nb1  läuft  cargo build -p x --all\n"
        );
        assert_eq!(
            table(&rows, paint, Some(28)),
            "ID  STATE  COMMAND\nb1  läuft  cargo build -p x…\n"
        );
        assert_eq!(table(&[cells(&["a", ""])], paint, None), "a\n");
    }
}
