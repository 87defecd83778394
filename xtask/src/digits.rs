//! The handwritten digits of the UCI repository, 8 × 8 pixels with 17 levels.
//!
//! One picture a line: 64 characters `0`–`9`, `a`–`g` for the grey levels 0 to
//! 16, row by row from the top left, a comma and the digit. Lines that begin
//! with `#` are comments. Source: E. Alpaydin and C. Kaynak, *Optical
//! Recognition of Handwritten Digits*, UCI Machine Learning Repository (1998),
//! DOI 10.24432/C50P49, CC BY 4.0.

/// Width and height of a picture.
pub(crate) const SIDE: usize = 8;
/// Pixels of a picture.
pub(crate) const PIXELS: usize = SIDE * SIDE;
/// Largest grey level; 0 is paper, this is ink.
pub(crate) const MAX_LEVEL: u8 = 16;
/// Pictures in the test set.
pub(crate) const COUNT: usize = 1797;

/// Pictures with the digits they show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digits {
    /// Grey levels, one picture after the other.
    levels: Vec<u8>,
    /// The digit of each picture.
    labels: Vec<u8>,
}

/// What is wrong with a file of digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DigitsError {
    /// A line is not 64 levels, a comma and a digit.
    Line {
        /// Line number, from 1.
        line: usize,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// The file holds another number of pictures.
    Count {
        /// Pictures found.
        found: usize,
    },
}

impl std::fmt::Display for DigitsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line { line, expected, found } => {
                write!(f, "optdigits.csv, line {line}: expected {expected}, found {found}")
            }
            Self::Count { found } => {
                write!(f, "optdigits.csv: expected {COUNT} pictures, found {found}")
            }
        }
    }
}

impl std::error::Error for DigitsError {}

impl Digits {
    /// The test set that ships with this package.
    pub(crate) fn test_set() -> Result<Self, DigitsError> {
        let digits = Self::parse(include_str!("../data/optdigits.csv"))?;
        if digits.len() == COUNT {
            Ok(digits)
        } else {
            Err(DigitsError::Count { found: digits.len() })
        }
    }

    /// Reads the format described above; any number of pictures.
    pub(crate) fn parse(text: &str) -> Result<Self, DigitsError> {
        let mut digits = Self { levels: Vec::new(), labels: Vec::new() };
        for (number, line) in text.lines().enumerate() {
            let wrong =
                |expected, found: String| DigitsError::Line { line: number + 1, expected, found };
            if line.starts_with('#') || line.is_empty() {
                continue;
            }
            let (levels, label) =
                line.split_once(',').ok_or_else(|| wrong("a comma", "none".into()))?;
            if levels.len() != PIXELS {
                return Err(wrong("64 levels", format!("{} bytes", levels.len())));
            }
            for c in levels.bytes() {
                digits.levels.push(match c {
                    b'0'..=b'9' => c - b'0',
                    b'a'..=b'g' => c - b'a' + 10,
                    _ => return Err(wrong("a level 0-9 or a-g", format!("byte {c}"))),
                });
            }
            match label.as_bytes() {
                [c @ b'0'..=b'9'] => digits.labels.push(c - b'0'),
                _ => return Err(wrong("a digit after the comma", format!("{label:?}"))),
            }
        }
        Ok(digits)
    }

    /// Number of pictures.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Grey levels of picture `index`, row-major.
    pub(crate) fn picture(&self, index: usize) -> &[u8] {
        &self.levels[index * PIXELS..(index + 1) * PIXELS]
    }

    /// Grey levels of all pictures, one after the other.
    pub(crate) fn levels(&self) -> &[u8] {
        &self.levels
    }

    /// The digit each picture shows.
    #[allow(dead_code, reason = "claims choose what they need of the data set")]
    pub(crate) fn labels(&self) -> &[u8] {
        &self.labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_set_is_the_published_one() {
        let digits = Digits::test_set().unwrap();
        assert_eq!(digits.len(), COUNT);
        assert!(digits.levels().iter().all(|l| *l <= MAX_LEVEL));
        // Class counts and the grand total of ink, as the repository has them.
        let mut counts = [0; 10];
        for label in digits.labels() {
            counts[usize::from(*label)] += 1;
        }
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        assert_eq!(digits.levels().iter().map(|l| u64::from(*l)).sum::<u64>(), 561_718);
        assert_eq!(&digits.picture(0)[..8], [0, 0, 5, 13, 9, 1, 0, 0]);
    }

    #[test]
    fn names_the_line_of_what_is_wrong() {
        let row = |c: char| c.to_string().repeat(PIXELS);
        let good = format!("# comment\n{},3\n", row('g'));
        assert_eq!(Digits::parse(&good).unwrap().labels(), [3]);
        for (bad, part) in [
            (format!("{good}{}", row('0')), "line 3: expected a comma"),
            (format!("{good}000,1"), "line 3: expected 64 levels, found 3 bytes"),
            (format!("{good}{},1", row('h')), "line 3: expected a level"),
            (format!("{good}{},10", row('0')), "line 3: expected a digit"),
            (format!("{good}{},", row('0')), "line 3: expected a digit"),
        ] {
            let message = Digits::parse(&bad).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
