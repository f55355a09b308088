//! `CLOUDFLARE_ENV` selects the environment: its databases, migrations and variables.

use std::process::Command;

use built::Env;

#[bindery::test]
async fn cloudflare_env_selects_the_environment(env: Env) -> bindery::Result<()> {
    // Without the variable, the test also runs itself in a process per named environment.
    if std::env::var_os("CLOUDFLARE_ENV").is_none() {
        for (environment, expected) in [("staging", true), ("nowhere", false)] {
            let test = std::env::current_exe().expect("this program");
            let status = Command::new(test)
                .env("CLOUDFLARE_ENV", environment)
                .output()
                .expect("runs")
                .status;
            assert_eq!(status.success(), expected, "{environment}");
        }
        assert_eq!(env.vars.stage, "production");
        assert!(env.cache.is_none() && env.db.notes().await?.is_empty());
    } else {
        assert_eq!(env.vars.stage, "staging");
        assert!(env.cache.is_some());
        assert_eq!(env.db.notes().await?.len(), 1);
        assert_eq!(built::notes_with(&env, "staging").await?, 1);
    }
    Ok(())
}
