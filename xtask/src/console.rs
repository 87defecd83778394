//! Output to the terminal: aligned tables, and lines that survive a closed pipe.

use std::io::{self, Write as _};

/// Prints a line to standard output. A reader who has gone away, as in `| head`, is no error.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Prints a line to standard error.
pub(crate) fn warn(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A column of a table.
pub(crate) struct Column {
    /// Heading.
    pub(crate) title: &'static str,
    /// Longer cells are wrapped at words.
    pub(crate) max_width: usize,
    /// Flush right, for numbers.
    pub(crate) right: bool,
}

/// Lays out rows in aligned columns, two spaces apart, under a heading and a rule.
pub(crate) fn table(columns: &[Column], rows: &[Vec<String>]) -> String {
    let wrapped: Vec<Vec<Vec<String>>> = rows
        .iter()
        .map(|row| row.iter().zip(columns).map(|(c, col)| wrap(c, col.max_width)).collect())
        .collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            let cells = wrapped.iter().flat_map(|row| row.get(i)).flatten();
            let widest = cells.map(|line| line.chars().count()).max().unwrap_or(0);
            widest.max(column.title.chars().count())
        })
        .collect();
    let line = |cells: &[&str]| {
        let mut line = String::new();
        for (i, (column, &width)) in columns.iter().zip(&widths).enumerate() {
            let cell = cells.get(i).copied().unwrap_or("");
            let pad = " ".repeat(width - cell.chars().count().min(width));
            let (before, after) =
                if column.right { (pad, String::new()) } else { (String::new(), pad) };
            line.push_str(if i == 0 { "" } else { "  " });
            line.push_str(&before);
            line.push_str(cell);
            line.push_str(&after);
        }
        line.truncate(line.trim_end().len());
        line + "\n"
    };
    let mut out = line(&columns.iter().map(|c| c.title).collect::<Vec<_>>());
    let rules: Vec<String> = widths.iter().map(|&w| "─".repeat(w)).collect();
    out += &line(&rules.iter().map(String::as_str).collect::<Vec<_>>());
    for row in &wrapped {
        let height = row.iter().map(Vec::len).max().unwrap_or(0);
        for k in 0..height {
            let cells: Vec<&str> =
                row.iter().map(|cell| cell.get(k).map_or("", String::as_str)).collect();
            out += &line(&cells);
        }
    }
    out
}

/// Breaks text at blanks into lines of at most `width` characters; longer words stay whole.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_string());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_long_cells_wrap() {
        let columns = [
            Column { title: "id", max_width: 20, right: false },
            Column { title: "text", max_width: 9, right: false },
            Column { title: "s", max_width: 9, right: true },
        ];
        let rows = vec![
            vec!["a".into(), "one two three".into(), "1.0".into()],
            vec!["bcd".into(), "ε ≤ 1".into(), "12.0".into()],
        ];
        let expected = "id   text        s\n───  ───────  ────\na    one two   1.0\n     three\nbcd  ε ≤ 1    12.0\n";
        assert_eq!(table(&columns, &rows), expected);
    }

    #[test]
    fn short_rows_and_no_rows_are_laid_out() {
        let columns = [Column { title: "id", max_width: 5, right: true }];
        assert_eq!(table(&columns, &[]), "id\n──\n");
        assert_eq!(table(&columns, &[vec![]]), "id\n──\n");
    }
}
