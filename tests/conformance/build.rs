//! Rebuilds the crate when a migration or a query is added: the macro cannot track new files.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=queries");
    println!("cargo::rerun-if-changed=room_migrations");
}
