//! A serde deserializer of JSON texts.
//!
//! It reads what `serde_json` reads, and a test compares them. It has one form of input and leaves
//! the exact value of a long number to the backend, so a worker is smaller with it.

use std::borrow::Cow;

use serde::Deserializer;
use serde::de::{
    self, DeserializeSeed, EnumAccess, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::error::ReadError;
use super::raw;
use super::text::{Malformed, Number, Text};

/// The depth of arrays and objects at which reading stops, before the stack is exhausted.
const MAX_DEPTH: u8 = 128;

/// The names of the types of `serde_json` that ask for the text of a value.
const RAW_PREFIX: &str = "$serde_json::private::Raw";

type Result<T> = std::result::Result<T, ReadError>;

pub(crate) struct Reader<'de> {
    text: Text<'de>,
    depth: u8,
}

impl From<Malformed> for ReadError {
    #[cold]
    fn from(_: Malformed) -> Self {
        Self::malformed()
    }
}

impl<'de> Reader<'de> {
    pub(super) fn new(text: &'de str) -> Self {
        Self {
            text: Text::new(text),
            depth: 0,
        }
    }

    /// Fails if anything but white space is left.
    pub(super) fn end(&mut self) -> Result<()> {
        match self.token() {
            Err(Malformed) => Ok(()),
            Ok(_) => Err(ReadError::malformed()),
        }
    }

    /// Adds the place where reading stopped to an error.
    #[cold]
    pub(super) fn place(&self, error: ReadError) -> ReadError {
        error.at(self.text.text, self.text.position)
    }

    /// Skips white space, and returns the next byte without reading it.
    fn token(&mut self) -> std::result::Result<u8, Malformed> {
        match self.text.peek()? {
            byte if byte > b' ' => Ok(byte),
            _ => self.token_after_space(),
        }
    }

    #[inline(never)]
    fn token_after_space(&mut self) -> std::result::Result<u8, Malformed> {
        loop {
            match self.text.peek()? {
                b' ' | b'\n' | b'\r' | b'\t' => self.text.skip(),
                byte => return Ok(byte),
            }
        }
    }

    /// Reads the end of an array or object, after its visitor.
    fn close(&mut self, end: u8, has_ended: bool) -> Result<()> {
        if has_ended {
            return Ok(());
        }
        match self.token()? {
            byte if byte == end => {
                self.text.skip();
                Ok(())
            }
            b',' => Err(de::Error::invalid_length(0, &"fewer items")),
            _ => Err(ReadError::malformed()),
        }
    }

    fn enter(&mut self) -> Result<()> {
        self.text.skip();
        self.depth += 1;
        if self.depth < MAX_DEPTH {
            Ok(())
        } else {
            Err(ReadError::malformed())
        }
    }

    fn array<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        self.enter()?;
        let mut items = Items::new(self, b']');
        let value = visitor.visit_seq(&mut items)?;
        let has_ended = items.has_ended;
        self.close(b']', has_ended)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        self.enter()?;
        let mut items = Items::new(self, b'}');
        let value = visitor.visit_map(&mut items)?;
        let has_ended = items.has_ended;
        self.close(b'}', has_ended)?;
        self.depth -= 1;
        Ok(value)
    }

    /// Skips a value of another type than `expected`.
    #[cold]
    #[inline(never)]
    fn unexpected(&mut self, expected: &dyn Expected) -> ReadError {
        match self.skip_value() {
            Ok(_) => de::Error::invalid_type(Unexpected::Other(""), expected),
            Err(error) => error,
        }
    }

    /// Reads `true` or `false`. Returns `None` if the value is another one.
    #[inline(never)]
    fn boolean(&mut self) -> Result<Option<bool>> {
        let value = match self.token()? {
            b't' => true,
            b'f' => false,
            _ => return Ok(None),
        };
        self.text.word(if value { "true" } else { "false" })?;
        Ok(Some(value))
    }

    /// Reads a number. Returns `None` if the value is another one.
    #[inline(never)]
    fn number(&mut self) -> Result<Option<Number>> {
        match self.token()? {
            b'-' | b'0'..=b'9' => Ok(Some(self.text.number()?)),
            _ => Ok(None),
        }
    }

    /// Reads `null`. Returns false if the value is another one.
    #[inline(never)]
    fn null(&mut self) -> Result<bool> {
        if self.token()? != b'n' {
            return Ok(false);
        }
        self.text.word("null")?;
        Ok(true)
    }

    /// Reads a string. Returns `None` if the value is another one.
    #[inline(never)]
    fn string(&mut self) -> Result<Option<Cow<'de, str>>> {
        match self.token()? {
            b'"' => Ok(Some(self.text.string()?)),
            _ => Ok(None),
        }
    }

    /// Skips a value, and returns its text.
    fn skip_value(&mut self) -> Result<&'de str> {
        self.token()?;
        let start = self.text.position;
        // The ends of the arrays and objects around the current value.
        let mut ends = Vec::new();
        loop {
            match self.token()? {
                b'[' | b'{' => {
                    let is_array = self.text.next()? == b'[';
                    let end = if is_array { b']' } else { b'}' };
                    if self.token()? == end {
                        self.text.skip();
                    } else {
                        ends.push(end);
                        self.skip_key(end)?;
                        continue;
                    }
                }
                b'"' => self.text.skip_string()?,
                b'n' => self.text.word("null")?,
                b't' => self.text.word("true")?,
                b'f' => self.text.word("false")?,
                _ => drop(self.text.number()?),
            }

            // The ends of values after this one.
            loop {
                let Some(end) = ends.last().copied() else {
                    return Ok(self.text.since(start)?);
                };
                match self.token()? {
                    b',' => {
                        self.text.skip();
                        self.skip_key(end)?;
                        break;
                    }
                    byte if byte == end => {
                        self.text.skip();
                        ends.pop();
                    }
                    _ => return Err(ReadError::malformed()),
                }
            }
        }
    }

    /// Skips a key and its colon in an object.
    fn skip_key(&mut self, end: u8) -> Result<()> {
        if end == b'}' {
            self.token()?;
            self.text.skip_string()?;
            self.token()?;
            self.text.expect(b':')?;
        }
        Ok(())
    }

    /// Reads an integer that can have more than 64 bits.
    fn wide<T: std::str::FromStr>(&mut self) -> Result<T> {
        self.token()?;
        let start = self.text.position;
        self.text.number()?;
        let integer = self.text.since(start)?.parse();
        integer.map_err(|_| de::Error::invalid_type(Unexpected::Unit, &"an integer"))
    }
}

fn visit_number<'de, V: Visitor<'de>>(number: Number, visitor: V) -> Result<V::Value> {
    match number {
        Number::Negative(value) => visitor.visit_i64(value),
        Number::Positive(value) => visitor.visit_u64(value),
        Number::Real(value) if value.is_finite() => visitor.visit_f64(value),
        Number::Real(_) => Err(ReadError::malformed()),
    }
}

fn visit_f32<'de, V: Visitor<'de>>(number: &str, visitor: V) -> Result<V::Value> {
    match number.parse::<f32>() {
        Ok(value) if value.is_finite() => visitor.visit_f32(value),
        _ => Err(de::Error::invalid_value(Unexpected::Other(""), &visitor)),
    }
}

/// The types that are numbers. Any other value is an error, and needs no code of the visitor.
macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            match self.number()? {
                Some(number) => visit_number(number, visitor),
                None => Err(self.unexpected(&visitor)),
            }
        })*
    };
}

/// The types that are arrays.
macro_rules! arrays {
    ($($method:ident($($argument:ty)*))*) => {
        $(fn $method<V: Visitor<'de>>(self, $(_: $argument,)* visitor: V) -> Result<V::Value> {
            match self.token()? {
                b'[' => self.array(visitor),
                _ => Err(self.unexpected(&visitor)),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.token()? {
            b'"' => match self.text.string()? {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            b'[' => self.array(visitor),
            b'{' => self.object(visitor),
            b'n' => {
                self.text.word("null")?;
                visitor.visit_unit()
            }
            b't' => {
                self.text.word("true")?;
                visitor.visit_bool(true)
            }
            b'f' => {
                self.text.word("false")?;
                visitor.visit_bool(false)
            }
            _ => visit_number(self.text.number()?, visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.boolean()? {
            Some(value) => visitor.visit_bool(value),
            None => Err(self.unexpected(&visitor)),
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f64
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.null()? {
            visitor.visit_unit()
        } else {
            Err(self.unexpected(&visitor))
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    arrays! {
        deserialize_seq()
        deserialize_tuple(usize)
        deserialize_tuple_struct(&'static str usize)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.token()? {
            b'{' => self.object(visitor),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.token()? {
            b'{' => self.object(visitor),
            b'[' => self.array(visitor),
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.null()? {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        if name == raw::NAME {
            return visitor.visit_borrowed_str(self.skip_value()?);
        }
        if name.starts_with(RAW_PREFIX) {
            let text = self.skip_value()?;
            return visitor.visit_map(Raw { name, text });
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.token()? {
            b'"' => {
                let name = self.text.string()?;
                visitor.visit_enum(Variant { name, reader: None })
            }
            b'{' => {
                self.enter()?;
                self.token()?;
                let name = self.text.string()?;
                self.token()?;
                self.text.expect(b':')?;
                let variant = Variant {
                    name,
                    reader: Some(self),
                };
                let value = visitor.visit_enum(variant)?;
                self.token()?;
                self.text.expect(b'}')?;
                self.depth -= 1;
                Ok(value)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    /// The visitor of an identifier would accept an index.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.string()? {
            Some(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Some(Cow::Owned(text)) => visitor.visit_string(text),
            None => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.token()? != b'"' {
            return self.deserialize_any(visitor);
        }
        match self.text.string()? {
            Cow::Borrowed(text) => visitor.visit_borrowed_bytes(text.as_bytes()),
            Cow::Owned(text) => visitor.visit_byte_buf(text.into_bytes()),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let value = self.wide()?;
        visitor.visit_i128(value)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let value = self.wide()?;
        visitor.visit_u128(value)
    }

    /// Rounds once: a double that is rounded again can be another value. The parser of the standard
    /// library is large, but only linked if a type contains an `f32`.
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if !matches!(self.token()?, b'-' | b'0'..=b'9') {
            return self.deserialize_any(visitor);
        }
        let start = self.text.position;
        self.text.number()?;
        visit_f32(self.text.since(start)?, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.skip_value()?;
        visitor.visit_unit()
    }
}

/// The items of an array or the entries of an object.
struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    end: u8,
    is_first: bool,
    has_ended: bool,
}

impl<'r, 'de> Items<'r, 'de> {
    fn new(reader: &'r mut Reader<'de>, end: u8) -> Self {
        Self {
            reader,
            end,
            is_first: true,
            has_ended: false,
        }
    }

    /// Moves to the next item. Returns false after the last one.
    fn advance(&mut self) -> Result<bool> {
        if self.has_ended {
            return Ok(false);
        }
        let byte = self.reader.token()?;
        if byte == self.end {
            self.reader.text.skip();
            self.has_ended = true;
            return Ok(false);
        }
        if !self.is_first {
            self.reader.text.expect(b',')?;
            // Otherwise a comma before the end would be accepted.
            if self.reader.token()? == self.end {
                return Err(ReadError::malformed());
            }
        }
        self.is_first = false;
        Ok(true)
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if !self.advance()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

impl<'de> MapAccess<'de> for &mut Items<'_, 'de> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if !self.advance()? {
            return Ok(None);
        }
        self.reader.token()?;
        let key = self.reader.text.string()?;
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value> {
        self.reader.token()?;
        self.reader.text.expect(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

/// The key of an entry. It is a string, in which a number or a bool can be written.
struct Key<'de>(Cow<'de, str>);

impl<'de> Key<'de> {
    /// Reads the key as the value that is written in it.
    fn inner<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let mut text = Text::new(&self.0);
        let number = text.number();
        match number {
            Ok(number) if text.peek() == Err(Malformed) => visit_number(number, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    /// Whether the key is a number and nothing else.
    fn is_number(&self) -> bool {
        let mut text = Text::new(&self.0);
        text.number().is_ok() && text.peek() == Err(Malformed)
    }

    /// Reads an integer that can have more than 64 bits.
    fn wide<T: std::str::FromStr>(&self) -> Result<T> {
        let integer = self.0.parse().ok().filter(|_| self.is_number());
        integer.ok_or_else(|| de::Error::invalid_type(Unexpected::Other(""), &"an integer"))
    }
}

/// Forwards the types that are numbers.
macro_rules! number_keys {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.inner(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0 {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match &*self.0 {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => self.deserialize_any(visitor),
        }
    }

    number_keys! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f64
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.is_number() {
            visit_f32(&self.0, visitor)
        } else {
            self.deserialize_any(visitor)
        }
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_i128(self.wide()?)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_u128(self.wide()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_enum(Variant {
            name: self.0,
            reader: None,
        })
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

/// A variant of an enum. Its content follows, unless the variant is written as a string.
struct Variant<'r, 'de> {
    name: Cow<'de, str>,
    reader: Option<&'r mut Reader<'de>>,
}

impl<'r, 'de> EnumAccess<'de> for Variant<'r, 'de> {
    type Error = ReadError;
    type Variant = Payload<'r, 'de>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self::Variant)> {
        let value = seed.deserialize(Key(self.name))?;
        Ok((value, Payload(self.reader)))
    }
}

struct Payload<'r, 'de>(Option<&'r mut Reader<'de>>);

impl<'r, 'de> Payload<'r, 'de> {
    fn reader(self) -> Result<&'r mut Reader<'de>> {
        let missing =
            || de::Error::invalid_type(Unexpected::UnitVariant, &"a variant with content");
        self.0.ok_or_else(missing)
    }
}

impl<'de> VariantAccess<'de> for Payload<'_, 'de> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<()> {
        match self.0 {
            None => Ok(()),
            Some(reader) => de::Deserialize::deserialize(reader),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(self.reader()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.reader()?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.reader()?.deserialize_any(visitor)
    }
}

/// The text of a value, as `serde_json::value::RawValue` asks for it: a map with one entry, whose
/// key is the name of the type.
struct Raw<'de> {
    name: &'static str,
    text: &'de str,
}

impl<'de> MapAccess<'de> for Raw<'de> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        seed.deserialize(self.name.into_deserializer()).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value> {
        seed.deserialize(Key(Cow::Borrowed(self.text)))
    }
}

#[cfg(test)]
mod tests;
