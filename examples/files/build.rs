//! A new migration or query is a new file in a folder: cargo looks at all of them.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=queries");
    println!("cargo::rerun-if-changed=user_stats_migrations");
}
