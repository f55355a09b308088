//! Rebuilds the package after a new migration or query.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=queries");
    println!("cargo::rerun-if-changed=tests/readme");
}
