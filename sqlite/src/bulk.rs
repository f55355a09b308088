//! The INSERT of the rows of a JSON array.
//!
//! The compiler writes the statement that reads every form of a value. The runtime replaces the
//! expressions of columns whose values are all in the plain form, which SQLite reads much faster,
//! with the same functions.

/// The name of the rows: an array of arrays, each of which has the values of one row.
pub const ROWS: &str = "_bulk";

/// Returns the expression of the value at `index` of a row.
///
/// A value has the type with which D1 binds it, for which every number is a REAL. In the plain form
/// it is null, a text, or a number with a fraction (`7.0`). JSON has no BLOBs, so a BLOB is in an
/// array, as a text of hexadecimal digits. SQLite does not read every decimal number exactly, so an
/// array of two integers is a number and the power of 2 to multiply it with.
#[must_use]
pub fn item(index: usize) -> String {
    let path = |path: &str| format!("{ROWS}.value, '$[{index}]{path}'");
    let number = format!(
        "json_extract({}) * pow(2, json_extract({}))",
        path("[0]"),
        path("[1]")
    );
    format!(
        "CASE json_type({}) WHEN 'array' THEN CASE json_array_length({}) WHEN 1 THEN \
         unhex(json_extract({})) ELSE CAST({number} AS REAL) END ELSE {ROWS}.value ->> {index} END",
        path(""),
        path(""),
        path("[0]"),
    )
}

/// Returns the statement for rows whose values at some indexes are all in the plain form.
#[must_use]
pub fn plain(sql: &str, is_plain: &[bool]) -> String {
    let mut sql = sql.to_owned();
    for (index, _) in is_plain.iter().enumerate().filter(|(_, plain)| **plain) {
        // A sign before a parameter binds stronger than the operator.
        sql = sql.replace(&item(index), &format!("({ROWS}.value ->> {index})"));
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::{item, plain};

    #[test]
    fn plain_values_have_one_function() {
        let (first, other) = (item(1), item(10));
        let sql = format!("SELECT -{first}, {other}, {first}");
        let expected = format!("SELECT -(_bulk.value ->> 1), {other}, (_bulk.value ->> 1)");
        assert_eq!(plain(&sql, &[true, true]), expected);
        assert_eq!(plain(&sql, &[true, false]), sql);
    }
}
