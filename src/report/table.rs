//! Rows as lines, their columns one below the other. Pure.

use std::borrow::Cow;

use crate::error;

/// What stands between two columns.
const GAP: usize = 2;

/// How many columns of a terminal a text takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(error::width).sum()
}

/// The width of each column.
pub(super) fn widths<const N: usize>(rows: &[[Cow<str>; N]]) -> [usize; N] {
    let mut widths = [0; N];
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(cell));
        }
    }
    widths
}

/// The width of a whole table.
pub(super) fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

/// Rows as lines; no line ends with blanks.
pub(super) fn aligned<const N: usize>(rows: &[[Cow<str>; N]]) -> impl Iterator<Item = String> {
    let widths = widths(rows);
    rows.iter().map(move |row| {
        let mut line = String::new();
        for (cell, column) in row.iter().zip(widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', column + GAP - width(cell)));
        }
        line.truncate(line.trim_end().len());
        line
    })
}

/// A text in at most so many columns; an ellipsis stands for its end.
pub(super) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut left = columns.saturating_sub(1);
    let mut kept: String = text
        .chars()
        .take_while(|c| {
            let fits = error::width(*c) <= left;
            left = left.saturating_sub(error::width(*c));
            fits
        })
        .collect();
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_a_terminal() {
        assert_eq!(width("größer"), 6);
        assert_eq!(width("表"), 2);
        assert_eq!(width("e\u{301}"), 1);
        let rows = [["a", "b"], ["表", "c"], ["", ""]].map(|row| row.map(Cow::Borrowed));
        let lines: Vec<String> = aligned(&rows).collect();
        assert_eq!(lines, ["a   b", "表  c", ""]);
        assert_eq!(total(&widths(&rows)), 5);
    }

    #[test]
    fn a_text_is_cut_where_a_character_ends() {
        for (columns, expected) in [
            (8, "ab 表表"),
            (7, "ab 表表"),
            (6, "ab 表…"),
            (5, "ab…"),
            (4, "ab…"),
            (1, "…"),
        ] {
            let text = cut("ab 表表", columns);
            assert_eq!(text, expected, "{columns}");
            assert!(width(&text) <= columns);
        }
    }
}
