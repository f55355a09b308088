//! A new migration or query is a new file in a folder: cargo looks at both.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=queries");
}
