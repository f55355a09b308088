#[bindery::bindings]
pub struct Env;

#[bindery::bindings("elsewhere/wrangler.toml")]
pub struct Other;

fn main() {}
