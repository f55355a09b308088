//! Checks what the doctests of the pages cannot: manifests, SQL, tables, and blocks that are parts of
//! other files.

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use bindery_codegen::Compilation;
use bindery_codegen::manifest::BindingKind;
use bindery_codegen::manifest::kind::Native;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The folder of this package.
const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

/// A code block of a page.
struct Block {
    /// The words after the backticks: `rust,ignore`.
    info: String,
    /// The content, without the lines that mdBook hides.
    text: String,
}

impl Block {
    fn language(&self) -> &str {
        self.info.split(',').next().unwrap_or_default()
    }

    fn is_ignored(&self) -> bool {
        self.info.split(',').any(|word| word == "ignore")
    }

    /// Whether it is a part of a `Cargo.toml`, rather than a manifest.
    fn is_cargo(&self) -> bool {
        let tables = ["[package", "[build-dependencies]", "[profile"];
        tables.iter().any(|table| self.text.starts_with(table))
    }
}

fn root() -> PathBuf {
    Path::new(PACKAGE).join("../..")
}

/// The pages of the manual, with their names.
fn pages() -> Outcome<Vec<(String, String)>> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(root().join("docs/book/src"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".md") && name != "SUMMARY.md" {
            pages.push((name.into_owned(), fs::read_to_string(&path)?));
        }
    }
    pages.sort();
    Ok(pages)
}

fn page(name: &str) -> Outcome<String> {
    Ok(fs::read_to_string(root().join("docs/book/src").join(name))?)
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for line in page.lines() {
        if let Some(info) = line.strip_prefix("```") {
            if !is_open {
                blocks.push(Block {
                    info: info.to_owned(),
                    text: String::new(),
                });
            }
            is_open = !is_open;
        } else if let Some(block) = blocks.last_mut().filter(|_| is_open) {
            let is_hidden = block.language() == "rust" && (line.starts_with("# ") || line == "#");
            if !is_hidden {
                block.text.push_str(line);
                block.text.push('\n');
            }
        }
    }
    blocks
}

/// The text of all files with one of the extensions, in a folder and below it.
fn texts(folder: &Path, extensions: &[&str]) -> Outcome<Vec<String>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            texts.extend(self::texts(&path, extensions)?);
        } else if extensions.contains(&extension.as_ref()) {
            texts.push(fs::read_to_string(&path)?);
        }
    }
    Ok(texts)
}

fn is_part(block: &Block, texts: &[String]) -> bool {
    texts
        .iter()
        .any(|text| text.contains(block.text.trim_end()))
}

#[test]
fn every_page_is_in_the_summary_and_has_a_module() -> Outcome {
    let summary = page("SUMMARY.md")?;
    let modules = fs::read_to_string(Path::new(PACKAGE).join("src/lib.rs"))?;
    for (name, _) in pages()? {
        assert!(
            summary.contains(&format!("({name})")),
            "{name} is not in SUMMARY.md"
        );
        let stem = name.trim_end_matches(".md");
        let is_example = stem == "getting-started";
        let has_module = modules.contains(&format!("\"{stem}\""));
        assert!(
            has_module || is_example,
            "{name} has no module in src/lib.rs"
        );
    }
    Ok(())
}

#[test]
fn links_lead_somewhere() -> Outcome {
    let mut all = pages()?;
    all.push(("SUMMARY.md".to_owned(), page("SUMMARY.md")?));
    let mut all: Vec<_> = all
        .into_iter()
        .map(|page| (root().join("docs/book/src"), page))
        .collect();
    let readme = fs::read_to_string(root().join("README.md"))?;
    all.push((root(), ("README.md".to_owned(), readme)));

    for (folder, (name, text)) in all {
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap_or_default();
            let path = link.split('#').next().unwrap_or_default();
            let is_local = !link.starts_with("http") && !path.is_empty();
            assert!(
                !is_local || folder.join(path).exists(),
                "{name} links to {link}"
            );
        }
    }
    Ok(())
}

/// The README and the first page show the package in `tests/readme`, which `tests/readme.rs` compiles.
#[test]
fn the_small_example_is_a_package() -> Outcome {
    let files = texts(
        &Path::new(PACKAGE).join("tests/readme"),
        &["rs", "sql", "toml"],
    )?;
    for name in ["README.md", "docs/book/src/getting-started.md"] {
        for block in blocks(&fs::read_to_string(root().join(name))?) {
            let is_code = ["rust", "sql", "toml"].contains(&block.language());
            assert!(
                !is_code || is_part(&block, &files),
                "{name} shows another file:\n{}",
                block.text
            );
        }
    }
    Ok(())
}

/// A doctest does not compile the body of a test, so these blocks are parts of tests.
#[test]
fn tests_of_the_pages_are_tests() -> Outcome {
    let tests = texts(&Path::new(PACKAGE).join("tests"), &["rs"])?;
    for (name, text) in pages()? {
        for block in blocks(&text) {
            let is_test = block.text.contains("#[bindery::test]") || block.text.contains("#[test]");
            assert!(
                !is_test || is_part(&block, &tests),
                "{name} has a test of its own:\n{}",
                block.text
            );
        }
    }
    Ok(())
}

#[test]
fn few_blocks_are_ignored() -> Outcome {
    let mut ignored = Vec::new();
    for (name, text) in pages()? {
        for block in blocks(&text) {
            if block.is_ignored() {
                ignored.push(name.clone());
            }
        }
    }
    assert!(ignored.len() <= 3, "{ignored:?}");
    Ok(())
}

#[test]
fn manifests_compile() -> Outcome {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("manifests");
    for (name, text) in pages()? {
        let manifests = blocks(&text).into_iter();
        let manifests = manifests.filter(|block| block.language() == "toml" && !block.is_cargo());
        for (index, block) in manifests.enumerate() {
            let project = folder.join(format!("{name}-{index}"));
            fs::create_dir_all(project.join("migrations"))?;
            fs::write(
                project.join("migrations/0001_empty.sql"),
                "CREATE TABLE t (a);",
            )?;
            fs::write(project.join("Cargo.toml"), "")?;
            fs::write(project.join("wrangler.toml"), &block.text)?;

            let compilation = Compilation::new(&project.join("wrangler.toml"), None);
            let errors = compilation.errors.render(&compilation.sources);
            assert!(errors.is_empty(), "{name}:\n{}", errors.join("\n\n"));
        }
    }
    Ok(())
}

/// The settings of `Cargo.toml` are those of this package, so that the examples use them. Other
/// names and sets are in cases.
#[test]
fn settings_are_those_of_the_package() -> Outcome {
    let cases = root().join("tests/cases/names");
    let settings = [
        fs::read_to_string(Path::new(PACKAGE).join("Cargo.toml"))?,
        fs::read_to_string(cases.join("aliases/Cargo.toml"))?,
        fs::read_to_string(cases.join("shards/Cargo.toml"))?,
    ];
    for (name, text) in pages()? {
        for block in blocks(&text) {
            let is_setting = block.text.starts_with("[package.metadata.bindery");
            let is_schema = block.text.contains("schema = ");
            let is_known = !is_setting || is_schema || is_part(&block, &settings);
            assert!(is_known, "{name} shows other settings:\n{}", block.text);
        }
    }
    Ok(())
}

/// Every query of a page is a query of this package, and every table one of its tables.
#[test]
fn queries_compile() -> Outcome {
    let package = Path::new(PACKAGE);
    let known: Vec<String> = ["queries", "migrations", "counters"]
        .iter()
        .map(|folder| texts(&package.join(folder), &["sql"]))
        .collect::<Outcome<Vec<_>>>()?
        .concat();
    for (name, text) in pages()? {
        for block in blocks(&text) {
            let is_known = block.language() != "sql" || is_part(&block, &known);
            assert!(
                is_known,
                "{name} shows SQL that is not compiled:\n{}",
                block.text
            );
        }
    }

    let compilation = Compilation::new(&package.join("wrangler.toml"), None);
    let errors = compilation.errors.render(&compilation.sources);
    assert!(errors.is_empty(), "{}", errors.join("\n\n"));
    Ok(())
}

#[test]
fn the_table_of_kinds_is_complete() -> Outcome {
    let mut expected = String::from("| key | type | natively |\n| --- | --- | --- |\n");
    for kind in BindingKind::ALL {
        let definition = kind.definition();
        let native = match definition.native {
            Native::Full => "works in full",
            Native::Simulated(how) => how,
            Native::Unsupported => "returns `Unsupported`",
        };
        let (key, runtime) = (definition.key, &definition.runtime);
        writeln!(
            expected,
            "| `{key}` | `{}::{}` | {native} |",
            runtime.module, runtime.name
        )?;
    }

    let page = page("other-bindings.md")?;
    let rows = page.lines().skip_while(|line| !line.starts_with("| key |"));
    let rows: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
    assert_eq!(
        rows.join("\n") + "\n",
        expected,
        "copy the right side into other-bindings.md"
    );
    Ok(())
}

/// Each row about the platform has a status. A conformant one names tests, which exist.
#[test]
fn tests_of_the_behavior_exist() -> Outcome {
    let folders = ["tests", "runtime/src", "sqlite/src", "codegen/src"];
    let sources = folders.map(|folder| texts(&root().join(folder), &["rs", "mjs"]));
    let sources = sources.into_iter().collect::<Outcome<Vec<_>>>()?.concat();
    let sources = sources.concat();
    let cases: Vec<&str> = sources.lines().map(str::trim).collect();
    let exists = |name: &str| {
        if name.starts_with("errors/") {
            return root().join("tests/cases").join(name).is_dir();
        }
        let check = format!("checks[\"{name}\"]");
        let function = format!("fn {name}(");
        cases.contains(&name) || sources.contains(&check) || sources.contains(&function)
    };

    let page = page("behavior.md")?;
    let tables = page.split("\n## ").skip(1);
    for row in tables.flat_map(|table| table.lines().filter(|line| line.starts_with('|')).skip(2)) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [_, status, shown] = cells[..] else {
            return Err(format!("the row has not three cells: {row}").into());
        };
        let tests: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        match status {
            "conformant" => assert!(!tests.is_empty(), "no test: {row}"),
            "different" | "unsupported" | "untested" => continue,
            _ => return Err(format!("`{status}` is not a status").into()),
        }
        for name in tests {
            assert!(exists(name), "there is no test `{name}`");
        }
    }
    Ok(())
}
