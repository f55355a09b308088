//! The names of `[package.metadata.bindery.names]` are those of the fields and types.

use bindery::KvKey;

#[bindery::bindings]
pub struct Env;

#[derive(KvKey)]
#[kv(binding = "my-kv", key = "note:{id}", value = String)]
pub struct Note {
    pub id: i64,
}

pub async fn names(env: Env) -> bindery::Result<()> {
    let _: &bindings::Notes = &env.notes;
    let _: &bindings::SecretStore = &env.secret_store;
    let _: (&bindings::Sub, &bindings::SubObject) = (&env.sub, &env.sub_object);
    let _: &String = &env.vars.verbosity;
    let _ = &env.secrets;

    let _: Option<String> = env.notes.get(&Note { id: 1 }).await?;
    let rows: Vec<bindings::main::All> = env.main.all().await?;
    drop(rows);
    Ok(())
}

fn main() {}
