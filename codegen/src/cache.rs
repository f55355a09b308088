//! The cache between two runs of the compiler: values as bytes in the target folder, and back.
//!
//! A file is named by a hash of its inputs, this compiler included, and ends with a checksum.
//! Stale, truncated and foreign files are ignored.

use std::borrow::Cow;
use std::collections::BTreeSet;

use bindery_sqlite::{Access, rusqlite};

use crate::source::Sources;

/// A hash of everything that a cached value depends on.
#[derive(Debug)]
pub(crate) struct CacheKey([u64; 2]);

impl CacheKey {
    /// A hash of this compiler.
    pub(crate) fn new() -> Self {
        let mut key = Self([0xcbf2_9ce4_8422_2325, 0x9e37_79b9_7f4a_7c15]);
        key.add(env!("BINDERY_COMPILER"));
        key.add(rusqlite::version());
        key
    }

    /// Adds a text.
    pub(crate) fn add(&mut self, text: &str) {
        for hash in &mut self.0 {
            let (words, rest) = text.as_bytes().as_chunks::<8>();
            let length = mix(*hash, text.len() as u64);
            let words = words
                .iter()
                .fold(length, |hash, word| mix(hash, u64::from_le_bytes(*word)));
            *hash = rest
                .iter()
                .fold(words, |hash, byte| mix(hash, u64::from(*byte)));
        }
    }

    /// The hash in hexadecimal digits.
    pub(crate) fn name(&self) -> String {
        format!("{:016x}{:016x}", self.0[0], self.0[1])
    }
}

/// The length of a checksum.
pub(crate) const CHECKSUM: usize = 8;

fn mix(hash: u64, word: u64) -> u64 {
    (hash ^ word)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(23)
}

/// A checksum of a file. Interrupted writes lose whole blocks, so one word of each 64 bytes is
/// enough; a macro runs unoptimized, where reading every byte would be slow.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let (blocks, rest) = bytes.as_chunks::<64>();
    let blocks = blocks
        .iter()
        .fold(bytes.len() as u64, |hash, [a, b, c, d, e, f, g, h, ..]| {
            mix(hash, u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]))
        });
    rest.iter()
        .fold(blocks, |hash, byte| mix(hash, u64::from(*byte)))
        .to_le_bytes()
}

/// The bytes that an earlier run saved under a name, if the file is complete.
pub(crate) fn load(sources: &Sources, name: &str) -> Option<Vec<u8>> {
    let mut bytes = sources.load_cached(name)?;
    let length = bytes.len().checked_sub(CHECKSUM)?;
    if bytes[length..] != checksum(&bytes[..length]) {
        return None;
    }
    bytes.truncate(length);
    Some(bytes)
}

/// Saves bytes under a name. A folder that cannot be written is not an error.
pub(crate) fn save(sources: &Sources, name: &str, mut bytes: Vec<u8>) {
    bytes.extend(checksum(&bytes));
    sources.save_cached(name, &bytes);
}

/// A value that can be cached.
pub(crate) trait Encode: Sized {
    /// Appends the value's bytes.
    fn encode(&self, bytes: &mut Vec<u8>);

    /// Removes the value from the front of `bytes`. Returns `None` for bytes that `encode` did not
    /// write.
    fn decode(bytes: &mut &[u8]) -> Option<Self>;
}

impl Encode for bool {
    fn encode(&self, bytes: &mut Vec<u8>) {
        u8::from(*self).encode(bytes);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        u8::decode(bytes).map(|byte| byte != 0)
    }
}

/// Encodes numbers as little-endian bytes.
macro_rules! encode_numbers {
    ($($ty:ty)+) => {$(
        impl Encode for $ty {
            fn encode(&self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }

            fn decode(bytes: &mut &[u8]) -> Option<Self> {
                let (number, rest) = bytes.split_first_chunk::<{ size_of::<$ty>() }>()?;
                *bytes = rest;
                Some(Self::from_le_bytes(*number))
            }
        }
    )+};
}

encode_numbers! { u8 u32 i64 }

impl Encode for usize {
    fn encode(&self, bytes: &mut Vec<u8>) {
        // Files are at most 4 GB. A value with a larger count is not found again.
        u32::try_from(*self).unwrap_or(u32::MAX).encode(bytes);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        Self::try_from(u32::decode(bytes)?).ok()
    }
}

impl Encode for String {
    fn encode(&self, bytes: &mut Vec<u8>) {
        encode_text(self, bytes);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        decode_text(bytes).map(str::to_owned)
    }
}

/// Appends a text.
pub(crate) fn encode_text(text: &str, bytes: &mut Vec<u8>) {
    encode_bytes(text.as_bytes(), bytes);
}

/// Removes a text from the front of `bytes`, without copying it.
pub(crate) fn decode_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(decode_bytes(bytes)?).ok()
}

/// Appends bytes and their length.
pub(crate) fn encode_bytes(part: &[u8], bytes: &mut Vec<u8>) {
    part.len().encode(bytes);
    bytes.extend(part);
}

/// Removes bytes from the front of `bytes`, without copying them.
pub(crate) fn decode_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::decode(bytes)?;
    let (part, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(part)
}

impl Encode for Cow<'static, str> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        encode_text(self, bytes);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        String::decode(bytes).map(Self::Owned)
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.is_some().encode(bytes);
        if let Some(value) = self {
            value.encode(bytes);
        }
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        if bool::decode(bytes)? {
            T::decode(bytes).map(Some)
        } else {
            Some(None)
        }
    }
}

impl<T: Encode> Encode for Box<T> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.as_ref().encode(bytes);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        T::decode(bytes).map(Self::new)
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.len().encode(bytes);
        self.iter().for_each(|value| value.encode(bytes));
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        (0..usize::decode(bytes)?)
            .map(|_| T::decode(bytes))
            .collect()
    }
}

impl<T: Encode + Ord> Encode for BTreeSet<T> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.len().encode(bytes);
        self.iter().for_each(|value| value.encode(bytes));
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        (0..usize::decode(bytes)?)
            .map(|_| T::decode(bytes))
            .collect()
    }
}

impl<A: Encode, B: Encode> Encode for (A, B) {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.0.encode(bytes);
        self.1.encode(bytes);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::decode(bytes)?, B::decode(bytes)?))
    }
}

/// Encodes a struct field by field, in the order in which they are listed.
macro_rules! encode_fields {
    ($($ty:ty { $($field:ident),+ $(,)? })+) => {$(
        impl $crate::cache::Encode for $ty {
            fn encode(&self, bytes: &mut Vec<u8>) {
                $($crate::cache::Encode::encode(&self.$field, bytes);)+
            }

            fn decode(bytes: &mut &[u8]) -> Option<Self> {
                $(let $field = $crate::cache::Encode::decode(bytes)?;)+
                Some(Self { $($field),+ })
            }
        }
    )+};
}

/// Encodes an enum as the number of a variant and its content.
macro_rules! encode_variants {
    ($($ty:ty { $($number:literal => $variant:ident $(($content:ident))?),+ $(,)? })+) => {$(
        impl $crate::cache::Encode for $ty {
            fn encode(&self, bytes: &mut Vec<u8>) {
                match self {$(
                    Self::$variant $(($content))? => {
                        bytes.push($number);
                        $($crate::cache::Encode::encode($content, bytes);)?
                    }
                )+}
            }

            fn decode(bytes: &mut &[u8]) -> Option<Self> {
                match <u8 as $crate::cache::Encode>::decode(bytes)? {
                    $($number => Some(Self::$variant $(({
                        let $content = $crate::cache::Encode::decode(bytes)?;
                        $content
                    }))?),)+
                    _ => None,
                }
            }
        }
    )+};
}

pub(crate) use {encode_fields, encode_variants};

encode_fields! { Access { table, column, writes } }
