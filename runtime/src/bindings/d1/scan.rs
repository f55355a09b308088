//! Reads the rows of a result from JSON: an array of arrays of values, as `JSON.stringify` writes
//! it, without white space.
//!
//! It is smaller and faster than a general parser.

use std::collections::VecDeque;

use super::Cell;
use crate::json::text::{Malformed, Number, Text};

/// Reads rows one by one.
pub(crate) struct Scanner<'j>(Text<'j>);

type Result<T> = std::result::Result<T, Malformed>;

impl<'j> Scanner<'j> {
    pub(crate) fn new(text: &'j str) -> Result<Self> {
        let mut text = Text::new(text);
        text.expect(b'[')?;
        Ok(Self(text))
    }

    /// Reads the next row into `cells`. Returns false after the last row. `true` in a row takes the
    /// place of the next of `blobs`.
    pub(crate) fn row(
        &mut self,
        cells: &mut Vec<Cell<'j>>,
        blobs: &mut VecDeque<Vec<u8>>,
    ) -> Result<bool> {
        cells.clear();

        match self.0.next()? {
            b']' => return Ok(false),
            b',' => self.0.expect(b'[')?,
            b'[' => {}
            _ => return Err(Malformed),
        }
        if self.0.peek()? == b']' {
            self.0.skip();
            return Ok(true);
        }

        loop {
            cells.push(self.cell(blobs)?);
            match self.0.next()? {
                b',' => {}
                b']' => return Ok(true),
                _ => return Err(Malformed),
            }
        }
    }

    fn cell(&mut self, blobs: &mut VecDeque<Vec<u8>>) -> Result<Cell<'j>> {
        Ok(match self.0.peek()? {
            b'"' => Cell::Text(self.0.string()?),
            b'n' => {
                self.0.word("null")?;
                Cell::Null
            }
            b'f' => {
                self.0.word("false")?;
                Cell::Integer(0)
            }
            b't' => {
                self.0.word("true")?;
                let blob = blobs.pop_front();
                blob.map_or(Cell::Integer(1), |blob| Cell::Blob(blob.into()))
            }
            b'[' => Cell::Blob(self.bytes()?.into()),
            _ => match self.0.number()? {
                Number::Negative(value) => Cell::Integer(value),
                Number::Positive(value) => match i64::try_from(value) {
                    Ok(value) => Cell::Integer(value),
                    Err(_) => Cell::Real(value as f64),
                },
                Number::Real(value) => Cell::Real(value),
            },
        })
    }

    /// Reads an array of bytes, as D1 returns a BLOB.
    fn bytes(&mut self) -> Result<Vec<u8>> {
        self.0.expect(b'[')?;
        let mut bytes = Vec::new();
        if self.0.peek()? == b']' {
            self.0.skip();
            return Ok(bytes);
        }
        loop {
            match self.0.number()? {
                Number::Positive(byte) => bytes.push(u8::try_from(byte).map_err(|_| Malformed)?),
                _ => return Err(Malformed),
            }
            match self.0.next()? {
                b',' => {}
                b']' => return Ok(bytes),
                _ => return Err(Malformed),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::{Malformed, Scanner};
    use crate::d1::Cell;

    fn rows(json: &str) -> Result<Vec<Vec<String>>, Malformed> {
        let mut scanner = Scanner::new(json)?;
        let (mut rows, mut cells) = (Vec::new(), Vec::new());
        let mut blobs = VecDeque::from([vec![7, 8]]);
        while scanner.row(&mut cells, &mut blobs)? {
            rows.push(cells.iter().map(|cell| format!("{cell:?}")).collect());
        }
        Ok(rows)
    }

    /// The only value of a row, as the scanner and as serde read it.
    fn both(json: &str) -> (Option<f64>, Option<f64>) {
        let text = format!("[[{json}]]");
        let mut cells = Vec::new();
        let scanned = Scanner::new(&text)
            .and_then(|mut scanner| scanner.row(&mut cells, &mut VecDeque::new()));
        let found = match (scanned, cells.first()) {
            (Ok(true), Some(Cell::Real(value))) => Some(*value),
            (Ok(true), Some(Cell::Integer(value))) => Some(*value as f64),
            _ => None,
        };
        (found, serde_json::from_str(json).ok())
    }

    #[test]
    fn values() {
        let json = r#"[[null,1,-2,"a","",true,false,[1,255],[]],[],["\"\\\/\b\f\n\r\té😀"]]"#;
        let expected = "Null|Integer(1)|Integer(-2)|Text(\"a\")|Text(\"\")|Blob([7, 8])|Integer(0)\
                        |Blob([1, 255])|Blob([])";
        let found = rows(json).unwrap_or_default();
        assert_eq!(
            found.first().map(|row| row.join("|")).as_deref(),
            Some(expected)
        );
        assert_eq!(found.get(1), Some(&Vec::new()));
        let text = format!("Text({:?})", "\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1f600}");
        assert_eq!(found.get(2), Some(&vec![text]));
        assert_eq!(rows("[]"), Ok(Vec::new()));
    }

    #[test]
    fn texts_of_every_length() {
        for length in 0..40 {
            for end in ["", "\"", "\\", "\u{e9}", "\u{1}", "\u{1f600}\u{22}"] {
                let text = "x".repeat(length) + end + &"y".repeat(length % 11);
                let json = serde_json::to_string(&[[&text]]).unwrap_or_default();
                assert_eq!(
                    rows(&json),
                    Ok(vec![vec![format!("Text({text:?})")]]),
                    "{json}"
                );
            }
        }
    }

    #[test]
    fn numbers_are_exact() {
        for json in [
            "0",
            "9007199254740993",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551616",
            "1e21",
            "1.5e+300",
            "5e-324",
            "1.7976931348623157e308",
            "0.1",
            "-0.000001",
            "123456789012345680000",
            "1e-7",
            "2.5e-8",
            "9007199254740992.5",
        ] {
            let (scanned, expected) = both(json);
            assert_eq!(
                scanned.map(f64::to_bits),
                expected.map(f64::to_bits),
                "{json}"
            );
        }

        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..400_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let value = match round % 4 {
                0 => f64::from_bits(state),
                1 => (state >> 40) as f64 / 1000.0,
                2 => (state >> 11) as f64 / (1_u64 << 53) as f64,
                _ => (state >> 20) as f64 * 1e-9,
            };
            if !value.is_finite() {
                continue;
            }
            let json = serde_json::to_string(&value).unwrap_or_default();
            let (scanned, _) = both(&json);
            assert_eq!(scanned.map(f64::to_bits), Some(value.to_bits()), "{json}");
        }
    }

    #[test]
    fn malformed_text() {
        for json in [
            "",
            "[",
            "{}",
            "[1]",
            "[[1]",
            "[[1}]",
            "[[1,]]",
            "[[nul]]",
            "[[-]]",
            "[[1e]]",
            "[[\"a]]",
            "[[\"\\x\"]]",
            "[[\"\\ud800\"]]",
            "[[\"\\ud800\\u0041\"]]",
            "[[\"\\u00g0\"]]",
            "[[[256]]]",
            "[[[1.5]]]",
            "[[[\"a\"]]]",
            "[[1] [2]]",
        ] {
            assert_eq!(rows(json), Err(Malformed), "{json}");
        }
    }
}
