//! Rows in aligned columns; the last column takes what is left of the line. What stands in them is of
//! others and is escaped here. Pure.

use super::paint::{Paint, Style};
use super::text::escape_control;
use super::width::{columns, shorten};

/// One field of a row.
pub(crate) type Cell = (String, Style);

/// Between two columns.
const GAP: &str = "  ";
/// No column is cut shorter than this; the terminal then wraps the line.
const LEAST: usize = 16;

/// The rows as lines, each ended by a newline. `width` bounds a line, where there is a bound.
/// The first row may be a heading; rows have equal numbers of cells.
pub(crate) fn table(rows: &[Vec<Cell>], paint: Paint, width: Option<usize>) -> String {
    let shown = rows.iter().map(|row| {
        row.iter().map(|(text, style)| (escape_control(text), *style)).collect::<Vec<_>>()
    });
    let rows: Vec<Vec<Cell>> = shown.collect();
    let widths = widths(&rows, width);
    let mut lines = String::new();
    for row in &rows {
        for (column, (text, style)) in row.iter().enumerate() {
            let text = shorten(text, widths[column]);
            lines.push_str(&paint.apply(*style, &text));
            if column + 1 < widths.len() {
                let pad = widths[column] - columns(&text);
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

/// How wide each column is. Where a line has a bound, the widest give way first: so it is the id of a
/// session that is cut, not the command behind it.
fn widths(rows: &[Vec<Cell>], bound: Option<usize>) -> Vec<usize> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|(text, _)| columns(text)).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..count).map(widest).collect();
    let Some(bound) = bound else { return widths };
    let Some((last, before)) = widths.split_last_mut() else { return widths };
    let gaps = before.len() * GAP.len();
    let wanted = (*last).min(LEAST);
    while gaps + before.iter().sum::<usize>() + wanted > bound {
        let Some(widest) = before.iter_mut().filter(|width| **width > LEAST).max() else { break };
        *widest -= 1;
    }
    let rest = bound.saturating_sub(gaps + before.iter().sum::<usize>());
    *last = (*last).min(rest.max(LEAST));
    widths
}

/// Columns in a line of the terminal that `stream` is, if it is one.
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
        let wide = [cells(&["ID", "x"]), cells(&["漢字", "\x1b]0;y\x07"])];
        assert_eq!(table(&wide, paint, None), "ID    x\n漢字  \\u{1b}]0;y\\u{7}\n");
    }

    #[test]
    fn the_widest_column_gives_way_before_the_line_is_longer_than_the_screen() {
        let paint = Paint::new(ColorChoice::Never, &std::io::stdout());
        let session = "agent:0192f1c3-7c1e-4b7a-9e55-3f1b2c4d5e6a";
        let rows = [cells(&["b1m7yfgnex00", "running", session, "sleep 1000000000000"])];
        for width in 57..=100 {
            let text = table(&rows, paint, Some(width));
            assert!(columns(text.trim_end()) <= width, "{width}: {text}");
            assert!(text.contains("b1m7yfgnex00") && text.contains("sleep 100"), "{text}");
        }
    }
}
