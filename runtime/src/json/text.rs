//! The tokens of a JSON text.

use std::borrow::Cow;

use crate::backend::parse_number;

/// The powers of 10 that a double represents exactly.
const POWERS_OF_10: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The integers up to this one are doubles.
const MAX_EXACT: u64 = 1 << 53;

/// The text is not JSON, or does not have the expected form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

type Result<T> = std::result::Result<T, Malformed>;

/// A number of JSON.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// A negative integer.
    Negative(i64),
    /// Zero or a positive integer.
    Positive(u64),
    /// A number with a point or an exponent, or an integer that does not fit. It is infinite if
    /// no double is near.
    Real(f64),
}

/// A JSON text and a position in it.
#[derive(Debug)]
pub(crate) struct Text<'j> {
    pub(super) text: &'j str,
    pub(super) position: usize,
}

impl<'j> Text<'j> {
    pub(crate) fn new(text: &'j str) -> Self {
        Self { text, position: 0 }
    }

    pub(crate) fn peek(&self) -> Result<u8> {
        let byte = self.text.as_bytes().get(self.position);
        byte.copied().ok_or(Malformed)
    }

    pub(crate) fn next(&mut self) -> Result<u8> {
        let byte = self.peek()?;
        self.position += 1;
        Ok(byte)
    }

    pub(crate) fn skip(&mut self) {
        self.position += 1;
    }

    pub(crate) fn expect(&mut self, byte: u8) -> Result<()> {
        if self.peek()? != byte {
            return Err(Malformed);
        }
        self.position += 1;
        Ok(())
    }

    /// Reads `null`, `true` or `false`.
    pub(crate) fn word(&mut self, word: &str) -> Result<()> {
        let rest = self.text.as_bytes().get(self.position..);
        if !rest.is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            return Err(Malformed);
        }
        self.position += word.len();
        Ok(())
    }

    /// Returns the text from a position to the current one.
    pub(super) fn since(&self, start: usize) -> Result<&'j str> {
        self.text.get(start..self.position).ok_or(Malformed)
    }

    /// Reads a number. It is the one that is nearest to its text.
    pub(crate) fn number(&mut self) -> Result<Number> {
        let start = self.position;
        let is_negative = self.peek()? == b'-';
        if is_negative {
            self.position += 1;
        }

        // The digits as an integer, unless there are too many, and the power of 10 of the last one.
        let mut digits = Some(0);
        let mut exponent = 0;
        let first = self.peek()?;
        let count = self.digits(&mut digits)?;
        if first == b'0' && count > 1 {
            return Err(Malformed);
        }

        let mut is_real = false;
        if self.peek() == Ok(b'.') {
            self.position += 1;
            is_real = true;
            exponent = -i32::try_from(self.digits(&mut digits)?).unwrap_or(i32::MAX);
        }
        if matches!(self.peek(), Ok(b'e' | b'E')) {
            is_real = true;
            exponent = exponent.saturating_add(self.exponent()?);
        }
        match digits {
            Some(digits) if !is_real => {
                if !is_negative {
                    return Ok(Number::Positive(digits));
                }
                if let Some(value) = 0_i64.checked_sub_unsigned(digits)
                    && value < 0
                {
                    return Ok(Number::Negative(value));
                }
            }
            Some(digits) => {
                if let Some(value) = real(digits, exponent) {
                    return Ok(Number::Real(if is_negative { -value } else { value }));
                }
            }
            None => {}
        }
        Ok(Number::Real(parse_number(self.since(start)?)))
    }

    /// Adds digits to a number, and returns how many there are.
    fn digits(&mut self, number: &mut Option<u64>) -> Result<usize> {
        let start = self.position;
        while let Ok(byte @ b'0'..=b'9') = self.peek() {
            let digit = u64::from(byte - b'0');
            *number = number
                .and_then(|number| number.checked_mul(10))
                .and_then(|number| number.checked_add(digit));
            self.position += 1;
        }
        match self.position - start {
            0 => Err(Malformed),
            count => Ok(count),
        }
    }

    fn exponent(&mut self) -> Result<i32> {
        self.position += 1;
        let is_negative = self.peek()? == b'-';
        if is_negative || self.peek()? == b'+' {
            self.position += 1;
        }
        let mut exponent = Some(0);
        self.digits(&mut exponent)?;
        let exponent = exponent.and_then(|exponent| i32::try_from(exponent).ok());
        let exponent = exponent.unwrap_or(i32::MAX);
        Ok(if is_negative { -exponent } else { exponent })
    }

    /// Reads a string.
    pub(crate) fn string(&mut self) -> Result<Cow<'j, str>> {
        self.expect(b'"')?;
        let start = self.position;
        self.skip_plain()?;
        if self.peek()? == b'"' {
            let text = self.since(start)?;
            self.position += 1;
            return Ok(Cow::Borrowed(text));
        }

        let mut text = self.since(start)?.to_owned();
        loop {
            match self.peek()? {
                b'"' => {
                    self.position += 1;
                    return Ok(Cow::Owned(text));
                }
                b'\\' => text.push(self.escaped()?),
                _ => return Err(Malformed),
            }
            let start = self.position;
            self.skip_plain()?;
            text.push_str(self.since(start)?);
        }
    }

    /// Skips a string. Unlike in a string that is read, half of a surrogate pair is allowed.
    pub(super) fn skip_string(&mut self) -> Result<()> {
        self.expect(b'"')?;
        loop {
            self.skip_plain()?;
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => match self.next()? {
                    b'u' => drop(self.hexadecimal()?),
                    b'b' | b'f' | b'n' | b'r' | b't' | b'"' | b'\\' | b'/' => {}
                    _ => return Err(Malformed),
                },
                _ => return Err(Malformed),
            }
        }
    }

    /// Moves to the next quote, backslash or control character.
    fn skip_plain(&mut self) -> Result<()> {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const HIGH: u64 = 0x8080_8080_8080_8080;
        // The highest bit of each byte below `limit`, and of none before the first such byte.
        let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGH;
        let zeros = |word: u64| below(word, 1);

        let bytes = self.text.as_bytes();
        while let Some(chunk) = bytes
            .get(self.position..)
            .and_then(<[u8]>::first_chunk::<8>)
        {
            let word = u64::from_le_bytes(*chunk);
            let quotes = zeros(word ^ (ONES * u64::from(b'"')));
            let backslashes = zeros(word ^ (ONES * u64::from(b'\\')));
            let found = quotes | backslashes | below(word, 0x20);
            if found != 0 {
                self.position += found.trailing_zeros() as usize / 8;
                return Ok(());
            }
            self.position += 8;
        }
        while !matches!(self.peek()?, b'"' | b'\\' | ..0x20) {
            self.position += 1;
        }
        Ok(())
    }

    /// Reads a backslash and what follows it.
    fn escaped(&mut self) -> Result<char> {
        self.position += 1;
        Ok(match self.next()? {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            b'u' => self.unicode()?,
            _ => return Err(Malformed),
        })
    }

    /// Reads the digits of a character. A character beyond 16 bits is two units.
    fn unicode(&mut self) -> Result<char> {
        let mut code = self.hexadecimal()?;
        if (0xd800..0xdc00).contains(&code) {
            self.expect(b'\\')?;
            self.expect(b'u')?;
            let low = self.hexadecimal()?.checked_sub(0xdc00);
            let low = low.filter(|low| *low < 0x400).ok_or(Malformed)?;
            code = 0x10000 + ((code - 0xd800) << 10) + low;
        }
        char::from_u32(code).ok_or(Malformed)
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
