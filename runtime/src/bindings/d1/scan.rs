//! Reads the rows of a result from JSON: an array of arrays of values, as `JSON.stringify` writes
//! it.
//!
//! It is smaller and faster than a general parser. The text has no white space, and its numbers
//! are those of JavaScript.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::Cell;

/// The powers of 10 that a double represents exactly.
const POWERS_OF_10: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The integers up to this one are doubles.
const MAX_EXACT: u64 = 1 << 53;

/// Reads rows one by one.
pub(crate) struct Scanner<'j> {
    text: &'j str,
    position: usize,
    /// Parses a number whose digits alone do not determine it exactly.
    parse_number: fn(&str) -> f64,
}

/// The text does not have the expected form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

type Result<T> = std::result::Result<T, Malformed>;

impl<'j> Scanner<'j> {
    pub(crate) fn new(text: &'j str, parse_number: fn(&str) -> f64) -> Result<Self> {
        let mut scanner = Self {
            text,
            position: 0,
            parse_number,
        };
        scanner.expect(b'[')?;
        Ok(scanner)
    }

    /// Reads the next row into `cells`. Returns false after the last row. `true` in a row takes the
    /// place of the next of `blobs`.
    pub(crate) fn row(
        &mut self,
        cells: &mut Vec<Cell<'j>>,
        blobs: &mut VecDeque<Vec<u8>>,
    ) -> Result<bool> {
        cells.clear();

        match self.next()? {
            b']' => return Ok(false),
            b',' => self.expect(b'[')?,
            b'[' => {}
            _ => return Err(Malformed),
        }
        if self.peek()? == b']' {
            self.position += 1;
            return Ok(true);
        }

        loop {
            cells.push(self.cell(blobs)?);
            match self.next()? {
                b',' => {}
                b']' => return Ok(true),
                _ => return Err(Malformed),
            }
        }
    }

    fn cell(&mut self, blobs: &mut VecDeque<Vec<u8>>) -> Result<Cell<'j>> {
        match self.peek()? {
            b'"' => self.string().map(Cell::Text),
            b'n' => self.word("null", Cell::Null),
            b'f' => self.word("false", Cell::Integer(0)),
            b't' => {
                let blob = blobs.pop_front();
                let cell = blob.map_or(Cell::Integer(1), |blob| Cell::Blob(blob.into()));
                self.word("true", cell)
            }
            b'[' => self.bytes().map(|bytes| Cell::Blob(bytes.into())),
            _ => self.number(),
        }
    }

    fn peek(&self) -> Result<u8> {
        let byte = self.text.as_bytes().get(self.position);
        byte.copied().ok_or(Malformed)
    }

    fn next(&mut self) -> Result<u8> {
        let byte = self.peek()?;
        self.position += 1;
        Ok(byte)
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.next()? == byte {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    fn word(&mut self, word: &str, cell: Cell<'j>) -> Result<Cell<'j>> {
        let rest = self.text.get(self.position..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(Malformed);
        }
        self.position += word.len();
        Ok(cell)
    }

    fn number(&mut self) -> Result<Cell<'j>> {
        let start = self.position;
        let is_negative = self.peek()? == b'-';
        if is_negative {
            self.position += 1;
        }

        // The digits as an integer, unless there are too many, and the position of the point.
        let (mut digits, mut exponent) = (Some(0_u64), 0_i32);
        let (mut is_real, mut has_digit) = (false, false);
        while let Ok(byte) = self.peek() {
            match byte {
                b'0'..=b'9' => {
                    has_digit = true;
                    let digit = u64::from(byte - b'0');
                    digits = digits
                        .and_then(|digits| digits.checked_mul(10))
                        .and_then(|digits| digits.checked_add(digit));
                    exponent -= i32::from(is_real);
                }
                b'.' if !is_real => is_real = true,
                _ => break,
            }
            self.position += 1;
        }
        if !has_digit {
            return Err(Malformed);
        }
        if matches!(self.peek(), Ok(b'e' | b'E')) {
            is_real = true;
            exponent = exponent.saturating_add(self.exponent()?);
        }

        let written = self.text.get(start..self.position).unwrap_or_default();
        let signed = |digits: u64| {
            let digits = i64::try_from(digits).ok()?;
            Some(if is_negative { -digits } else { digits })
        };
        match digits {
            Some(digits) if !is_real => {
                let integer = signed(digits).map(Cell::Integer);
                Ok(integer.unwrap_or_else(|| Cell::Real((self.parse_number)(written))))
            }
            Some(digits) => {
                let value = real(digits, exponent);
                let value = value.map(|value| if is_negative { -value } else { value });
                Ok(Cell::Real(
                    value.unwrap_or_else(|| (self.parse_number)(written)),
                ))
            }
            None => Ok(Cell::Real((self.parse_number)(written))),
        }
    }

    fn exponent(&mut self) -> Result<i32> {
        self.position += 1;
        let is_negative = self.peek()? == b'-';
        if is_negative || self.peek()? == b'+' {
            self.position += 1;
        }
        let (mut exponent, mut has_digit) = (0_i32, false);
        while let Ok(byte @ b'0'..=b'9') = self.peek() {
            has_digit = true;
            exponent = exponent
                .saturating_mul(10)
                .saturating_add(i32::from(byte - b'0'));
            self.position += 1;
        }
        let exponent = if is_negative { -exponent } else { exponent };
        has_digit.then_some(exponent).ok_or(Malformed)
    }

    /// Reads an array of bytes, as D1 returns a BLOB.
    fn bytes(&mut self) -> Result<Vec<u8>> {
        self.expect(b'[')?;
        let mut bytes = Vec::new();
        if self.peek()? == b']' {
            self.position += 1;
            return Ok(bytes);
        }
        loop {
            match self.number()? {
                Cell::Integer(byte) => bytes.push(u8::try_from(byte).map_err(|_| Malformed)?),
                _ => return Err(Malformed),
            }
            match self.next()? {
                b',' => {}
                b']' => return Ok(bytes),
                _ => return Err(Malformed),
            }
        }
    }

    fn string(&mut self) -> Result<Cow<'j, str>> {
        self.expect(b'"')?;
        let start = self.position;
        self.skip_plain()?;
        if self.peek()? == b'"' {
            let text = self.text.get(start..self.position).ok_or(Malformed)?;
            self.position += 1;
            return Ok(Cow::Borrowed(text));
        }

        let mut text = self
            .text
            .get(start..self.position)
            .ok_or(Malformed)?
            .to_owned();
        loop {
            match self.next()? {
                b'"' => return Ok(Cow::Owned(text)),
                _ => text.push(self.escaped()?),
            }
            let start = self.position;
            self.skip_plain()?;
            text.push_str(self.text.get(start..self.position).ok_or(Malformed)?);
        }
    }

    /// Moves to the next quote or backslash.
    fn skip_plain(&mut self) -> Result<()> {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const HIGH: u64 = 0x8080_8080_8080_8080;
        // The highest bit of each byte that is zero, and of none before the first such byte.
        let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;

        let bytes = self.text.as_bytes();
        while let Some(chunk) = bytes
            .get(self.position..)
            .and_then(<[u8]>::first_chunk::<8>)
        {
            let word = u64::from_le_bytes(*chunk);
            let quotes = zeros(word ^ (ONES * u64::from(b'"')));
            let found = quotes | zeros(word ^ (ONES * u64::from(b'\\')));
            if found != 0 {
                self.position += found.trailing_zeros() as usize / 8;
                return Ok(());
            }
            self.position += 8;
        }
        while !matches!(self.peek()?, b'"' | b'\\') {
            self.position += 1;
        }
        Ok(())
    }

    /// Reads what follows a backslash.
    fn escaped(&mut self) -> Result<char> {
        Ok(match self.next()? {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            b'u' => {
                let first = self.hexadecimal()?;
                // A character beyond 16 bits is two units.
                let code = if (0xd800..0xdc00).contains(&first) {
                    self.expect(b'\\')?;
                    self.expect(b'u')?;
                    let second = self.hexadecimal()?;
                    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400);
                    0x10000 + ((first - 0xd800) << 10) + low.ok_or(Malformed)?
                } else {
                    first
                };
                char::from_u32(code).ok_or(Malformed)?
            }
            _ => return Err(Malformed),
        })
    }

    fn hexadecimal(&mut self) -> Result<u32> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = char::from(self.next()?).to_digit(16);
            value = value * 16 + digit.ok_or(Malformed)?;
        }
        Ok(value)
    }
}

/// Returns the double nearest to `digits` times a power of 10, if that needs little work.
fn real(digits: u64, exponent: i32) -> Option<f64> {
    let power = exponent.unsigned_abs() as usize;
    if digits <= MAX_EXACT {
        // One operation on exact numbers rounds once.
        let power = POWERS_OF_10.get(power)?;
        return Some(match exponent < 0 {
            true => digits as f64 / power,
            false => digits as f64 * power,
        });
    }
    if exponent >= 0 {
        return None;
    }

    // The digits as an integer divided by a power of 10, with 64 binary digits after the point.
    let divisor = u128::from(10_u64.checked_pow(u32::try_from(power).ok()?)?);
    let dividend = u128::from(digits) << 64;
    let (quotient, remainder) = (dividend / divisor, dividend % divisor);

    // A double has 53 digits. The next one and whether any other is set decide how it is rounded.
    let dropped = 128 - 54 - quotient.leading_zeros();
    let kept = (quotient >> dropped) as u64;
    let is_more = remainder > 0 || quotient.trailing_zeros() < dropped;
    let is_up = kept & 1 == 1 && (is_more || kept & 2 == 2);
    let significand = (kept >> 1) + u64::from(is_up);
    let power_of_2 = u64::from(dropped + 1 + 1023 - 64) << 52;
    Some(significand as f64 * f64::from_bits(power_of_2))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::{Malformed, Scanner};
    use crate::d1::Cell;

    fn parse(text: &str) -> f64 {
        text.parse().unwrap_or(f64::NAN)
    }

    fn rows(json: &str) -> Result<Vec<Vec<String>>, Malformed> {
        let mut scanner = Scanner::new(json, parse)?;
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
        let scanned = Scanner::new(&text, parse)
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
