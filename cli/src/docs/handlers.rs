//! Who handles what: the `handlers!` of a crate, as far as its text tells.

use std::fs;
use std::path::Path;

use bindery_codegen::handlers::Handlers;
use syn::Item;

/// The first `handlers!` in the sources of a package.
pub(crate) fn find(package: &Path) -> Option<Handlers> {
    walk(&package.join("src"))
}

fn walk(folder: &Path) -> Option<Handlers> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths.into_iter().find_map(|path| {
        if path.is_dir() {
            return walk(&path);
        }
        let text = fs::read_to_string(&path)
            .ok()
            .filter(|text| text.contains("handlers!"))?;
        syn::parse_file(&text)
            .ok()?
            .items
            .into_iter()
            .find_map(|item| match item {
                Item::Macro(found)
                    if found
                        .mac
                        .path
                        .segments
                        .last()
                        .is_some_and(|last| last.ident == "handlers") =>
                {
                    found.mac.parse_body().ok()
                }
                _ => None,
            })
    })
}

/// A handler as one writes it.
pub(crate) fn shown(path: &syn::Path) -> String {
    let names: Vec<String> = path
        .segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect();
    names.join("::")
}
