//! Compares the reader with `serde_json`.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::json::parse;

#[derive(Debug, PartialEq, Deserialize)]
struct Item {
    id: u32,
    name: String,
    #[serde(default)]
    tags: Vec<String>,
    note: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
enum Shape {
    Unit,
    Newtype(i8),
    Tuple(u8, bool),
    Struct { a: f64 },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    A { n: i64 },
    B,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u8),
    Text(String),
    Pair(i32, i32),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    only: i128,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Flat {
    a: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Newtype(f32);

#[derive(Debug, PartialEq, Deserialize)]
struct Nothing;

/// Both accept the text as a `T` with the same value, or both refuse it.
fn same<T: DeserializeOwned + Debug + PartialEq>(json: &str) {
    let (ours, theirs) = (parse::<T>(json), serde_json::from_str::<T>(json));
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{json}"),
        (Err(_), Err(_)) => {}
        _ => panic!("{json}: {ours:?}, but serde_json returns {theirs:?}"),
    }
}

fn same_as_all_types(json: &str) {
    same::<Value>(json);
    same::<Item>(json);
    same::<Shape>(json);
    same::<Vec<Shape>>(json);
    same::<Tagged>(json);
    same::<Untagged>(json);
    same::<Strict>(json);
    same::<Flat>(json);
    same::<Nothing>(json);
    same::<()>(json);
    same::<char>(json);
    same::<(u8, Option<bool>)>(json);
    same::<[i64; 2]>(json);
    same::<Option<Option<i16>>>(json);
    same::<BTreeMap<i32, bool>>(json);
    same::<BTreeMap<u128, bool>>(json);
    same::<f32>(json);
    same::<BTreeMap<Option<String>, Value>>(json);
    same::<serde::de::IgnoredAny>(json);

    let raw = |value: &RawValue| value.get().to_owned();
    assert_eq!(
        parse::<&RawValue>(json).ok().map(raw),
        serde_json::from_str::<&RawValue>(json).ok().map(raw),
        "{json}"
    );
}

const TEXTS: &[&str] = &[
    "",
    " ",
    "null",
    "nul",
    "nulll",
    "true",
    "false ",
    "0",
    "-0",
    "00",
    "01",
    "-",
    "1.",
    ".5",
    "1.5",
    "-1.5e3",
    "1e",
    "1e+",
    "1E5",
    "1e999",
    "1e-999",
    "255",
    "256",
    "-128",
    "-129",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "-9223372036854775809",
    "170141183460469231731687303715884105727",
    "\"\"",
    "\"é\"",
    "\"ab",
    "\"a\\",
    "\"a\\\"b\"",
    "\"\\u00e9\\ud83d\\ude00\"",
    "\"\\ud800\"",
    "\"\\ud800x\"",
    "\"\\udc00\"",
    "\"\\u12\"",
    "\"a\nb\"",
    "\"0123456789\u{1}\"",
    "\"0123456789\u{1f}0123456789\"",
    "\"\u{7f}\"",
    "\"Unit\"",
    "\"Missing\"",
    "[]",
    "[ ]",
    "[1]",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1,2]",
    "[ 1 , null ]",
    "[1,2,3]",
    "[1",
    "[1}",
    "{}",
    "{ }",
    "{\"only\":1}",
    "{\"only\":170141183460469231731687303715884105727}",
    "{\"only\":1,\"other\":2}",
    "{\"only\":1.5}",
    "{\"id\":1,\"name\":\"a\"}",
    "{\"id\":1,\"name\":\"a\",\"note\":null,\"tags\":[\"x\"],\"more\":{\"a\":[1,{\"b\":[]}]}}",
    " {\r\n\"id\" :\t1 , \"name\":\"\\n\" } ",
    "{\"id\":1,\"id\":2,\"name\":\"a\"}",
    "{\"id\":-1,\"name\":\"a\"}",
    "{\"name\":\"a\"}",
    "{\"id\":1,\"name\":\"a\",}",
    "{\"id\" 1}",
    "{id:1}",
    "{\"1\":true,\"-2\":false}",
    "{\"1\":true,\"x\":false}",
    "{\"1 \":true}",
    "{\"340282366920938463463374607431768211455\":true}",
    "{\"+1\":true}",
    "1e39",
    "7.038531e-26",
    "{\"true\":1}",
    "{\"Newtype\":7}",
    "{\"Newtype\":700}",
    "{\"Tuple\":[1,true]}",
    "{\"Tuple\":[1]}",
    "{\"Tuple\":[1,true,2]}",
    "{\"Struct\":{\"a\":0.1}}",
    "{\"Struct\":[0.1]}",
    "{\"Unit\":null}",
    "{\"Unit\":1}",
    "{\"Unit\":null,\"b\":1}",
    "[\"Unit\",{\"Newtype\":1}]",
    "{\"kind\":\"A\",\"n\":5}",
    "{\"n\":5,\"kind\":\"A\"}",
    "{\"kind\":\"B\"}",
    "{\"kind\":\"C\"}",
    "{\"a\":1,\"b\":{\"c\":[null,1.5]}}",
    "null null",
    "[]]",
    "\u{feff}1",
];

#[test]
fn every_form_of_value_is_read_as_serde_json_reads_it() {
    for json in TEXTS {
        same_as_all_types(json);
        // Not with changed texts: serde_json panics while it describes some invalid keys.
        same::<BTreeMap<bool, u128>>(json);
    }
}

#[test]
fn changed_texts_are_read_as_serde_json_reads_them() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };

    let parts = b"[]{},:\"\\ \n0123456789-+.eEutrfalsn";
    for _ in 0..60_000 {
        let mut json = TEXTS[random(TEXTS.len())].as_bytes().to_vec();
        for _ in 0..=random(3) {
            let byte = parts[random(parts.len())];
            let at = random(json.len() + 1);
            match random(3) {
                0 => json.insert(at, byte),
                1 if at < json.len() => json[at] = byte,
                _ if at < json.len() => drop(json.remove(at)),
                _ => {}
            }
        }

        if let Ok(json) = String::from_utf8(json) {
            same_as_all_types(&json);
        }
    }
}

#[test]
fn numbers_are_exact() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..100_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let value = f64::from_bits(state);
        if value.is_finite() {
            let json = format!("[{value:e}, {value}]");
            let read = parse::<[f64; 2]>(&json).map(|values| values.map(f64::to_bits));
            assert_eq!(read.ok(), Some([state, state]), "{json}");
        }
    }
    assert_eq!(parse::<Newtype>("0.1").ok(), Some(Newtype(0.1)));
    // A double between them would be rounded to the next value.
    let read = parse::<f32>("7.038531e-26").map(f32::to_bits);
    assert_eq!(read.ok(), Some(0x15ae_43fd));
}

#[test]
fn the_depth_is_limited() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    for depth in [1, 126, 127, 128, 129, 100_000] {
        let (ours, theirs) = (
            parse::<Value>(&nested(depth)),
            serde_json::from_str::<Value>(&nested(depth)),
        );
        assert_eq!(ours.is_ok(), theirs.is_ok(), "{depth}");
    }
    // Skipping needs no stack.
    assert!(parse::<serde::de::IgnoredAny>(&nested(100_000)).is_ok());
}

#[test]
fn bytes_can_be_a_string() {
    let bytes: Result<&[u8], _> = parse("\"ab\"");
    assert_eq!(bytes.ok(), Some(&b"ab"[..]));
}

#[test]
fn an_error_has_a_place_and_no_value() {
    let error = |json: &str| parse::<Vec<u64>>(json).err().map(|error| error.describe());
    let expected = "invalid type, expected u64 at line 1 column 24";
    assert_eq!(
        error(r#"[1, "a, expected secret"]"#).as_deref(),
        Some(expected)
    );
    assert_eq!(
        error("[1,\n  secret]").as_deref(),
        Some("the JSON is malformed at line 2 column 3")
    );

    let error = |json: &str| parse::<Item>(json).err().map(|error| error.describe());
    assert_eq!(
        error(r#"{"name":"secret"}"#).as_deref(),
        Some("missing field `id` at line 1 column 17")
    );
    let address = parse::<std::net::IpAddr>("\"secret\"").map_err(|error| error.describe());
    assert!(address.is_err_and(|text| !text.contains("secret")));
    let shape = parse::<Shape>("\"secret\"")
        .err()
        .map(|error| error.describe());
    assert_eq!(
        shape.as_deref(),
        Some(
            "unknown variant, expected `Unit` or `Newtype` or `Tuple` or `Struct` at line 1 \
             column 8"
        )
    );
}
