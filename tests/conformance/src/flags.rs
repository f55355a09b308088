//! Feature flags.

use bindery::flags::{Flag, Flags};
use bindery::{ErrorKind, kv};
use serde::Deserialize;

use crate::{Env, Outcome, same};

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Layout {
    Grid,
    List,
}

const NEW_EDITOR: Flag<bool> = Flag::new("new_editor", false);
const LAYOUT: Flag<Layout> = Flag::new("layout", Layout::Grid);

/// A rule decides about a flag. Without one it has its default.
pub async fn rules_of_flags(_: Env) -> Outcome {
    let none = Flags::default();
    same!(none.get(&NEW_EDITOR, "ann"), false);

    let flags =
        Flags::parse(r#"{"new_editor": true, "layout": {"value": "list"}, "other": null}"#)?;
    same!(flags.get(&NEW_EDITOR, "ann"), true);
    same!(flags.get(&LAYOUT, "ann"), Layout::List);

    let flags = r#"{"new_editor": {"users": {"ann": true}},
        "layout": {"variants": [{"value": "list", "weight": 0}, {"value": "grid", "weight": 0.1}],
                   "users": {"bob": "list"}}}"#;
    let flags = Flags::parse(flags)?;
    let of = |user| (flags.get(&NEW_EDITOR, user), flags.get(&LAYOUT, user));
    same!(of("ann"), (true, Layout::Grid));
    same!(of("bob"), (false, Layout::List));

    // A value of another type is not the value of the flag.
    let flags = Flags::parse(r#"{"new_editor": "yes", "layout": "table"}"#)?;
    same!(flags.get(&NEW_EDITOR, "ann"), false);
    same!(flags.get(&LAYOUT, "ann"), Layout::Grid);
    Ok(())
}

/// A part of the users has a value: always the same ones, and other ones for each flag.
pub async fn parts_of_the_users(_: Env) -> Outcome {
    let flags = |percent: u32| {
        let rules = format!(
            r#"{{"new_editor": {{"value": true, "percent": {percent}}},
                "layout": {{"variants": [{{"value": "list", "weight": {percent}}},
                                         {{"value": "grid", "weight": {}}}]}}}}"#,
            100 - percent
        );
        Flags::parse(&rules)
    };
    // The places of the users, from another implementation: 0.2523, 0.1079 and 0.6927 of the first
    // flag, and 0.5550, 0.0959 and 0.8472 of the second.
    let quarter = flags(25)?;
    let users = ["bob", "zoë", "dan"];
    let editors = users.map(|user| quarter.get(&NEW_EDITOR, user));
    same!(editors, [false, true, false]);
    let layouts = users.map(|user| flags(56).map(|flags| flags.get(&LAYOUT, user)).ok());
    same!(
        layouts,
        [Some(Layout::List), Some(Layout::List), Some(Layout::Grid)]
    );

    let users: Vec<String> = (0..10_000).map(|number| format!("user-{number}")).collect();
    let with = |flags: &Flags| {
        let has = |user: &&String| flags.get(&NEW_EDITOR, user);
        users.iter().filter(has).count()
    };
    same!(with(&quarter), 2491);
    same!((with(&flags(0)?), with(&flags(100)?)), (0, 10_000));
    let both = users.iter().filter(|user| {
        quarter.get(&NEW_EDITOR, user) && quarter.get(&LAYOUT, user) == Layout::List
    });
    same!(both.count(), 635);

    // Nobody loses the value when the part grows.
    let half = flags(50)?;
    let lost = users
        .iter()
        .filter(|user| quarter.get(&NEW_EDITOR, user) && !half.get(&NEW_EDITOR, user));
    same!(lost.count(), 0);
    Ok(())
}

/// The rules are in a key of KV.
pub async fn stored_flags(env: Env) -> Outcome {
    let flags = Flags::load(&env.cache, "flags").await?;
    same!(flags, Flags::default());
    env.cache
        .put(&kv::text("flags"), r#"{"new_editor": true}"#)
        .await?;
    let flags = Flags::load(&env.cache, "flags").await?;
    same!(flags.get(&NEW_EDITOR, "ann"), true);
    Ok(())
}

/// Rules of another form are refused, and the error has none of their values.
pub async fn invalid_flags(_: Env) -> Outcome {
    let cases = [
        ("[]", "expected a map"),
        ("{", "malformed"),
        (
            r#"{"a": {"valeu": "secret"}}"#,
            "`a`: a rule has the fields",
        ),
        (
            r#"{"a": {"percent": 10}}"#,
            "`a`: `percent` needs a `value`",
        ),
        (
            r#"{"a": {"value": "secret", "percent": 101}}"#,
            "`a`: `percent` must be from 0 to 100",
        ),
        (
            r#"{"a": {"value": 1, "variants": [{"value": 2, "weight": 1}]}}"#,
            "`a`: a rule has either",
        ),
        (
            r#"{"a": {"variants": [{"value": 2, "weight": -1}, {"value": 3, "weight": 2}]}}"#,
            "`a`: the weights",
        ),
        (
            r#"{"a": {"variants": [{"value": 2, "weight": 0}]}}"#,
            "`a`: the weights",
        ),
    ];
    for (rules, expected) in cases {
        let error = Flags::parse(rules).err().ok_or(rules)?;
        same!(error.kind(), ErrorKind::InvalidArgument);
        let text = error.to_string();
        let is_right = text.contains(expected) && !text.contains("secret");
        same!((is_right, text.as_str()), (true, text.as_str()));
    }
    Ok(())
}
