//! Variables and secrets.

use crate::{Env, Outcome, same};

/// A log level: an application's type for a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Logs everything.
    Debug,
    /// Logs errors.
    Error,
}

/// Each variable has its type from the manifest. `Debug` hides secrets.
pub async fn vars_and_secrets(env: Env) -> Outcome {
    same!(env.vars.name, "bindery");
    same!(env.vars.count, 3);
    same!(
        env.vars.ratio.to_bits(),
        90.285_714_285_714_29_f64.to_bits()
    );
    same!(env.vars.on, true);
    same!(
        env.vars.tree.a,
        [
            serde_json::json!(1),
            serde_json::json!("x"),
            serde_json::Value::Null
        ]
    );
    same!(env.vars.level, Level::Debug);
    same!(
        (env.vars.switches.new_checkout, env.vars.switches.limit),
        (true, 2)
    );

    same!(env.secrets.token.expose(), "open sesame");
    same!(format!("{:?}", env.secrets.token), "Secret(..)");
    same!(format!("{:?}", env.secrets).contains("example.com"), false);
    same!(format!("{env:?}").contains("sesame"), false);
    Ok(())
}

/// Values that the manifest does not have can be required or missing.
pub async fn values_of_the_dashboard(env: Env) -> Outcome {
    same!(env.vars.region, "eu");
    same!(env.vars.sample_rate, Some(0.25));
    same!(env.vars.no_such_var, None);
    same!(env.secrets.sentry_dsn.is_some(), true);
    same!(env.secrets.no_such_secret, None);
    Ok(())
}
