#[bindery::bindings]
pub struct Env;

#[derive(bindery::KvKey)]
#[kv(binding = CACHE, key = "file:{tenant}{name}", value = String)]
struct FileKey<'a> {
    tenant: &'a str,
    name: &'a str,
}

fn main() {}
