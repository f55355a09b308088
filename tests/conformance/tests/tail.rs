//! The handler of traces, natively.

#![cfg(not(target_arch = "wasm32"))]

use bindery::TestWorld;
use conformance::{App, Env, Outcome, same};
use serde_json::json;

/// A test sends traces, in the form of the platform.
#[bindery::test]
async fn a_test_sends_traces(env: Env, world: TestWorld) -> Outcome {
    let trace = json!({
        "scriptName": "traced",
        "outcome": "exception",
        "eventTimestamp": 1_769_739_600_000_i64,
        "event": { "request": { "method": "GET", "url": "https://example.com/" } },
        "logs": [{ "level": "warn", "message": ["hot", 7], "timestamp": 1_769_739_600_001_i64 }],
        "exceptions": [{ "name": "Error", "message": "too hot", "timestamp": null }],
    });
    let least = json!({ "outcome": "canceled" });
    let traces = [trace, least].map(serde_json::from_value);
    let traces = traces.into_iter().collect::<Result<Vec<_>, _>>()?;
    world.tail::<App>(&env, traces).await?;
    let noted = env.db.noted().await?;
    let mut noted: Vec<&str> = noted.iter().map(|row| row.body.as_str()).collect();
    noted.sort_unstable();
    same!(
        noted,
        [
            "canceled null null null false ",
            r#"exception "GET" "https://example.com/" null true warn ["hot",7]; Error: too hot"#
        ]
    );

    let failing = json!({ "scriptName": "failing", "outcome": "ok" });
    let outcome = world
        .tail::<App>(&env, vec![serde_json::from_value(failing)?])
        .await;
    same!(outcome.is_err(), true);
    Ok(())
}
