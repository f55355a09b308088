//! Gives this compiler a name of its own: what one compiler kept in a target folder is nothing to another.

use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let mut files = Vec::new();
    // Beside each other in this repository; on their own in a registry, where versions tell them apart.
    for folder in ["src", "../sqlite/src"] {
        println!("cargo::rerun-if-changed={folder}");
        walk(Path::new(folder), &mut files);
    }
    files.sort();
    let texts = files
        .iter()
        .filter_map(|file| fs::read(file).ok())
        .flatten();
    let sum = texts.fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    println!(
        "cargo::rustc-env=BINDERY_COMPILER={}-{sum:016x}",
        std::env::var("CARGO_PKG_VERSION").unwrap_or_default()
    );
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, files)
        } else {
            files.push(path)
        }
    }
}
