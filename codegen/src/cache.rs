//! What is kept between two runs of the compiler, as bytes and back: most runs follow an edit of something else.
//!
//! A file is named after everything that it hangs on, this compiler included, and closed by a sum of its
//! bytes: one that is old, foreign or torn is as good as none.

use std::borrow::Cow;
use std::collections::BTreeSet;

use bindery_sqlite::{Access, rusqlite};

use crate::source::Sources;

/// The name of what is kept: a sum of all that makes it.
#[derive(Debug)]
pub(crate) struct Sum([u64; 2]);

impl Sum {
    /// Of this compiler.
    pub(crate) fn new() -> Self {
        let mut sum = Self([0xcbf2_9ce4_8422_2325, 0x9e37_79b9_7f4a_7c15]);
        sum.add(env!("BINDERY_COMPILER"));
        sum.add(rusqlite::version());
        sum
    }

    /// And of a text.
    pub(crate) fn add(&mut self, text: &str) {
        for sum in &mut self.0 {
            let (words, rest) = text.as_bytes().as_chunks::<8>();
            let start = mix(*sum, text.len() as u64);
            let all = words
                .iter()
                .fold(start, |sum, word| mix(sum, u64::from_le_bytes(*word)));
            *sum = rest
                .iter()
                .fold(all, |sum, byte| mix(sum, u64::from(*byte)));
        }
    }

    /// In hexadecimal digits.
    pub(crate) fn name(&self) -> String {
        format!("{:016x}{:016x}", self.0[0], self.0[1])
    }
}

fn mix(sum: u64, word: u64) -> u64 {
    (sum ^ word)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(23)
}

/// A sum of the bytes of a file. A file is torn by blocks, so one word of each 64 bytes tells; without
/// optimisation all of them take long.
fn sum_of(bytes: &[u8]) -> [u8; 8] {
    let (blocks, rest) = bytes.as_chunks::<64>();
    let heads = blocks
        .iter()
        .fold(bytes.len() as u64, |sum, [a, b, c, d, e, f, g, h, ..]| {
            mix(sum, u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]))
        });
    rest.iter()
        .fold(heads, |sum, byte| mix(sum, u64::from(*byte)))
        .to_le_bytes()
}

/// What was kept under a name, if all of it is there.
pub(crate) fn load(sources: &Sources, name: &str) -> Option<Vec<u8>> {
    let mut bytes = sources.kept(name)?;
    let body = bytes.len().checked_sub(8)?;
    if bytes[body..] != sum_of(&bytes[..body]) {
        return None;
    }
    bytes.truncate(body);
    Some(bytes)
}

/// Keeps bytes under a name; a folder that cannot be written leaves everything as it was.
pub(crate) fn save(sources: &Sources, name: &str, mut bytes: Vec<u8>) {
    bytes.extend(sum_of(&bytes));
    sources.keep(name, &bytes);
}

/// A value that can be kept.
pub(crate) trait Encode: Sized {
    /// Adds the value's bytes.
    fn put(&self, bytes: &mut Vec<u8>);
    /// Takes the value from the front of `bytes`. `None` where it is not one of this compiler's.
    fn take(bytes: &mut &[u8]) -> Option<Self>;
}

impl Encode for bool {
    fn put(&self, bytes: &mut Vec<u8>) {
        u8::from(*self).put(bytes);
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        u8::take(bytes).map(|byte| byte != 0)
    }
}

/// Numbers as their bytes, the least first.
macro_rules! encode_numbers {
    ($($ty:ty)+) => {$(
        impl Encode for $ty {
            fn put(&self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }

            fn take(bytes: &mut &[u8]) -> Option<Self> {
                let (number, rest) = bytes.split_first_chunk::<{ size_of::<$ty>() }>()?;
                *bytes = rest;
                Some(Self::from_le_bytes(*number))
            }
        }
    )+};
}

encode_numbers! { u8 u32 i64 }

impl Encode for usize {
    fn put(&self, bytes: &mut Vec<u8>) {
        // What is counted here is read from files of at most 4 GB; a count beyond that is not found again.
        u32::try_from(*self).unwrap_or(u32::MAX).put(bytes);
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        Self::try_from(u32::take(bytes)?).ok()
    }
}

impl Encode for String {
    fn put(&self, bytes: &mut Vec<u8>) {
        put_text(self, bytes);
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        take_text(bytes).map(str::to_owned)
    }
}

/// Adds a text.
pub(crate) fn put_text(text: &str, bytes: &mut Vec<u8>) {
    put_bytes(text.as_bytes(), bytes);
}

/// Takes a text without copying it.
pub(crate) fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(take_bytes(bytes)?).ok()
}

/// Adds bytes and how many they are.
pub(crate) fn put_bytes(part: &[u8], bytes: &mut Vec<u8>) {
    part.len().put(bytes);
    bytes.extend(part);
}

/// Takes bytes without copying them.
pub(crate) fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::take(bytes)?;
    let (part, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(part)
}

impl Encode for Cow<'static, str> {
    fn put(&self, bytes: &mut Vec<u8>) {
        put_text(self, bytes);
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        String::take(bytes).map(Self::Owned)
    }
}

impl<T: Encode> Encode for Option<T> {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.is_some().put(bytes);
        if let Some(value) = self {
            value.put(bytes);
        }
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        if bool::take(bytes)? {
            T::take(bytes).map(Some)
        } else {
            Some(None)
        }
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.len().put(bytes);
        self.iter().for_each(|value| value.put(bytes));
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        (0..usize::take(bytes)?).map(|_| T::take(bytes)).collect()
    }
}

impl<T: Encode + Ord> Encode for BTreeSet<T> {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.len().put(bytes);
        self.iter().for_each(|value| value.put(bytes));
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        (0..usize::take(bytes)?).map(|_| T::take(bytes)).collect()
    }
}

impl<A: Encode, B: Encode> Encode for (A, B) {
    fn put(&self, bytes: &mut Vec<u8>) {
        self.0.put(bytes);
        self.1.put(bytes);
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::take(bytes)?, B::take(bytes)?))
    }
}

/// Keeps a struct field by field, in the order in which they are named.
macro_rules! encode_fields {
    ($($ty:ty { $($field:ident),+ $(,)? })+) => {$(
        impl $crate::cache::Encode for $ty {
            fn put(&self, bytes: &mut Vec<u8>) {
                $($crate::cache::Encode::put(&self.$field, bytes);)+
            }

            fn take(bytes: &mut &[u8]) -> Option<Self> {
                $(let $field = $crate::cache::Encode::take(bytes)?;)+
                Some(Self { $($field),+ })
            }
        }
    )+};
}

/// Keeps an enum: the number of a variant, and what is in it.
macro_rules! encode_variants {
    ($($ty:ty { $($number:literal => $variant:ident $(($held:ident))?),+ $(,)? })+) => {$(
        impl $crate::cache::Encode for $ty {
            fn put(&self, bytes: &mut Vec<u8>) {
                match self {$(
                    Self::$variant $(($held))? => {
                        bytes.push($number);
                        $($crate::cache::Encode::put($held, bytes);)?
                    }
                )+}
            }

            fn take(bytes: &mut &[u8]) -> Option<Self> {
                match <u8 as $crate::cache::Encode>::take(bytes)? {
                    $($number => Some(Self::$variant $(({ let $held = $crate::cache::Encode::take(bytes)?; $held }))?),)+
                    _ => None,
                }
            }
        }
    )+};
}

pub(crate) use {encode_fields, encode_variants};

encode_fields! { Access { table, column, writes } }
