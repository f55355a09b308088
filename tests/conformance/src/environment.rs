//! Variables and secrets.

use crate::{Env, Outcome, same};

/// Each variable has the type that it has in the manifest; a secret does not print.
pub async fn vars_and_secrets(env: Env) -> Outcome {
    same!(env.vars.name, "bindery");
    same!(env.vars.count, 3);
    same!(env.vars.ratio, 0.5);
    same!(env.vars.on, true);
    same!(env.vars.tree.a, [serde_json::json!(1), serde_json::json!("x"), serde_json::Value::Null]);
    same!(env.secrets.token.expose(), "open sesame");
    same!(format!("{:?}", env.secrets), "Secrets { token: Secret(..) }");
    same!(format!("{env:?}").contains("sesame"), false);
    Ok(())
}
