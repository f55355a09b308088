//! The order of pages.

use std::fmt::Write;

use crate::sql::page::{Page, PageColumn};

/// The columns that the pages of a query continue by.
pub(super) fn order(krate: &str, name: &str, page: &Page) -> String {
    let (mut columns, mut hashed) = (String::new(), name.to_owned());
    for PageColumn {
        index,
        ty,
        text,
        descending,
    } in &page.columns
    {
        let _ = write!(
            columns,
            "({index}, {krate}::__private::OrderType::{ty:?}), "
        );
        let _ = write!(hashed, "\n{text} {descending} {ty:?}");
    }
    let hash = hash(&hashed);
    format!(
        "static ORDER: {krate}::__private::Order = {krate}::__private::Order {{
            hash: {hash}, columns: &[{columns}],
        }};"
    )
}

/// The FNV-1a hash of a text. Cursors contain it, so it must not change with the compiler.
///
/// <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>
fn hash(text: &str) -> u32 {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    text.bytes().fold(0x811c_9dc5, step)
}
