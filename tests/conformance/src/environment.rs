//! Variables, secrets and bindings of kinds that are not served yet.

use bindery::Kind;

use crate::{Env, Outcome, same};

/// Each variable has the type that it has in the manifest; a secret does not print.
pub async fn vars_and_secrets(env: Env) -> Outcome {
    same!(env.vars.name, "bindery");
    same!(env.vars.count, 3);
    same!(env.vars.ratio, 0.5);
    same!(env.vars.on, true);
    same!(env.vars.tree, serde_json::json!({ "a": [1, "x", null] }));
    same!(env.secrets.token.expose(), "open sesame");
    same!(format!("{:?}", env.secrets), "Secrets { token: Secret(..) }");
    same!(format!("{env:?}").contains("sesame"), false);
    Ok(())
}

/// A raw binding is there; calling it fails with a clear error, natively and where it is not simulated.
pub async fn raw_bindings(env: Env) -> Outcome {
    let error =
        env.ai.call("run", &["model".into(), serde_json::json!({ "prompt": "hi" })]).await.err().ok_or("nothing answers")?;
    same!(error.service(), bindery::Service::Raw);
    same!(matches!(error.kind(), Kind::Unsupported | Kind::Misconfigured | Kind::Internal), true);
    same!(error.binding(), "AI");
    Ok(())
}
