//! Reads files. No other module of the compiler accesses the file system.
//!
//! [`Sources`] holds every text that was read with the name that diagnostics show for it, so that
//! entry points can tell Cargo which files to watch.

use std::collections::HashSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The number of a file in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(u32);

/// A range of bytes in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// The part of this span at a range relative to its start.
    #[must_use]
    pub fn part(self, range: &Range<usize>) -> Self {
        Self {
            file: self.file,
            start: self.start + range.start,
            end: self.start + range.end,
        }
    }
}

/// A value and its position in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its position.
    pub span: Span,
}

/// A text that was read.
#[derive(Debug, Clone)]
pub struct File {
    /// The path that diagnostics and generated docs show: relative to the project, with `/`.
    pub name: String,
    /// The path on disk. It is never printed.
    pub path: PathBuf,
    /// The content.
    pub text: String,
    /// The content as diagnostics show it, if it differs.
    shown: Option<String>,
    /// The start of each line, computed when a diagnostic is shown.
    lines: OnceLock<Vec<usize>>,
    /// The texts between quotes in upper case, computed when a fix needs a new name.
    quoted: OnceLock<HashSet<String>>,
}

impl File {
    /// Whether the file contains a text in quotes, in upper or lower case.
    pub(crate) fn quotes(&self, text: &str) -> bool {
        let quoted = self.quoted.get_or_init(|| {
            let parts = self.text.split('"');
            parts.map(str::to_ascii_uppercase).collect()
        });
        quoted.contains(&text.to_ascii_uppercase())
    }

    /// The lines with a range of bytes: their range, and the number of the first.
    pub(crate) fn lines(&self, range: Range<usize>) -> (Range<usize>, usize) {
        let starts = self.lines.get_or_init(|| {
            let newlines = self.text.match_indices('\n').map(|(index, _)| index + 1);
            std::iter::once(0).chain(newlines).collect()
        });
        let number = starts.partition_point(|start| *start <= range.start).max(1);
        let start = starts.get(number - 1).copied().unwrap_or_default();
        let after = starts.partition_point(|start| *start <= range.end);
        let end = starts.get(after).copied().unwrap_or(self.text.len());
        (start..end, number)
    }

    /// The content as diagnostics show it: hidden parts are asterisks, as many as they have bytes.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.text)
    }
}

/// Every text that was read.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<File>,
    cache_folder: Option<PathBuf>,
    omits_indexes: bool,
}

/// The maximum number of files in the cache.
const MAX_CACHED: usize = 16;

impl Sources {
    /// The file with an id that this value returned.
    #[must_use]
    pub fn file(&self, id: FileId) -> &File {
        &self.files[id.0 as usize]
    }

    /// All files, in the order in which they were read.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// Adds a text that was read elsewhere.
    pub fn add(&mut self, name: String, path: PathBuf, text: String) -> FileId {
        self.files.push(File {
            name,
            path,
            text,
            shown: None,
            lines: OnceLock::new(),
            quoted: OnceLock::new(),
        });
        FileId(u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX))
    }

    /// Hides parts of a file in diagnostics.
    pub(crate) fn hide(&mut self, id: FileId, parts: &[Span]) {
        let Some(file) = self.files.get_mut(id.0 as usize) else {
            return;
        };
        if parts.is_empty() {
            return;
        }
        let mut shown = file.shown().as_bytes().to_vec();
        for part in parts {
            let bytes = shown.get_mut(part.start..part.end).unwrap_or_default();
            for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
                *byte = b'*';
            }
        }
        // A part is whole characters, so the rest is UTF-8 still.
        file.shown = String::from_utf8(shown).ok();
    }

    /// Uses `folder` for the cache.
    pub fn cache_in(&mut self, folder: PathBuf) {
        self.cache_folder = Some(folder);
    }

    /// Omits the search for indexes that a warning could suggest. It takes a third of the time, and
    /// a macro cannot print warnings.
    pub fn omit_indexes(&mut self) {
        self.omits_indexes = true;
    }

    /// Whether to omit the search for indexes.
    pub(crate) fn omits_indexes(&self) -> bool {
        self.omits_indexes
    }

    /// The bytes that an earlier run saved under a name.
    pub(crate) fn load_cached(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.cache_folder.as_ref()?.join(name)).ok()
    }

    /// Saves bytes under a name. A failure only makes the next run slower.
    pub(crate) fn save_cached(&self, name: &str, bytes: &[u8]) {
        let Some(folder) = &self.cache_folder else {
            return;
        };
        // Another process that reads at the same time finds the whole file or none.
        let unfinished = folder.join(format!("{name}.{}", std::process::id()));
        let written = fs::create_dir_all(folder)
            .and_then(|()| fs::write(&unfinished, bytes))
            .and_then(|()| fs::rename(&unfinished, folder.join(name)));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        remove_oldest(folder);
    }

    /// The text under a span.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file)
            .text
            .get(span.start..span.end)
            .unwrap_or_default()
    }

    /// The span of a whole file.
    #[must_use]
    pub fn whole(&self, id: FileId) -> Span {
        Span {
            file: id,
            start: 0,
            end: self.file(id).text.len(),
        }
    }

    /// Reads the nearest file with a name, in `folder` or above it.
    pub(crate) fn read_nearest(&mut self, folder: &Path, name: &str) -> Option<FileId> {
        let mut paths = folder.ancestors().map(|folder| folder.join(name));
        let path = paths.find(|path| path.is_file())?;
        let text = fs::read_to_string(&path).ok()?;
        Some(self.add(name.to_owned(), path, text))
    }

    /// Reads a file of `NAME=value` lines and stores only the names, each on its line. The values
    /// are dropped, so that no message can contain one.
    pub(crate) fn read_names(&mut self, folder: &Path, name: String) -> Option<FileId> {
        let path = folder.join(&name);
        // Malformed lines are skipped here, because their error would quote them. The runtime
        // reports them.
        let entries = dotenvy::from_path_iter(&path).ok()?.flatten();
        let mut names = entries.map(|(name, _)| name).peekable();

        let text = fs::read_to_string(&path).ok()?;
        let mut lines: Vec<String> = Vec::new();
        for line in text.lines() {
            let line = line.trim_start();
            let line = line.strip_prefix("export ").map_or(line, str::trim_start);
            let assigns = |name: &String| {
                let rest = line.strip_prefix(name.as_str());
                rest.is_some_and(|rest| rest.trim_start().starts_with('='))
            };
            lines.push(names.next_if(assigns).unwrap_or_default());
        }
        // Names that were not found at the start of a line follow at the end.
        lines.extend(names);
        Some(self.add(name, path, lines.join("\n")))
    }

    /// Reads the file at `path`, shown as `name`.
    ///
    /// # Errors
    /// Why the file cannot be read. A text in another encoding is added with replacement
    /// characters, so that the error has a place in it.
    pub fn read(&mut self, name: &str, path: &Path) -> Result<FileId, Unreadable> {
        if let Some(state) = unusable(path) {
            return Err(Unreadable::new(state));
        }
        let bytes = fs::read(path).map_err(|error| Unreadable::new(error.to_string()))?;
        let mut add = |text| self.add(name.to_owned(), path.to_owned(), text);

        let encodings: [(&str, &[u8]); 4] = [
            ("UTF-32", &[0xff, 0xfe, 0, 0]),
            ("UTF-32", &[0, 0, 0xfe, 0xff]),
            ("UTF-16", &[0xff, 0xfe]),
            ("UTF-16", &[0xfe, 0xff]),
        ];
        let mut encodings = encodings.iter();
        if let Some((encoding, _)) = encodings.find(|(_, mark)| bytes.starts_with(mark)) {
            let text = String::from_utf8_lossy(&bytes);
            let file = add(text.replace(['\0', char::REPLACEMENT_CHARACTER], ""));
            return Err(Unreadable {
                reason: format!("it is encoded in {encoding}"),
                span: Some(Span {
                    file,
                    start: 0,
                    end: 0,
                }),
                label: "save it as UTF-8".to_owned(),
            });
        }
        String::from_utf8(bytes).map(&mut add).map_err(|error| {
            let start = error.utf8_error().valid_up_to();
            let byte = error.as_bytes().get(start).copied().unwrap_or_default();
            let file = add(String::from_utf8_lossy(error.as_bytes()).into_owned());
            let end = start + char::REPLACEMENT_CHARACTER.len_utf8();
            Unreadable {
                reason: format!("its byte {start} is not UTF-8: 0x{byte:02X}"),
                span: Some(Span { file, start, end }),
                label: "save it as UTF-8".to_owned(),
            }
        })
    }
}

/// Why a file cannot be read.
#[derive(Debug, Clone)]
pub struct Unreadable {
    /// The reason, as the end of a sentence.
    pub reason: String,
    /// The place in the file, if it has a text.
    pub span: Option<Span>,
    /// A few words for the place.
    pub label: String,
}

impl Unreadable {
    fn new(reason: String) -> Self {
        Self {
            reason,
            span: None,
            label: String::new(),
        }
    }
}

/// Why a path is not that of a file; `None` if it is one.
#[must_use]
pub fn unusable(path: &Path) -> Option<String> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Some("it is a folder".to_owned()),
        Ok(_) => None,
        Err(_) if path.is_symlink() => {
            let target = fs::read_link(path).unwrap_or_default();
            Some(format!(
                "it is a symbolic link to `{}`, which does not exist",
                target.display()
            ))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some("it does not exist".to_owned())
        }
        Err(error) => Some(error.to_string()),
    }
}

/// Removes the oldest files of the cache, if it has too many.
fn remove_oldest(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let files = entries.flatten().filter_map(|entry| {
        let modified = entry.metadata().ok()?.modified().ok()?;
        Some((modified, entry.path()))
    });
    let mut files: Vec<(std::time::SystemTime, PathBuf)> = files.collect();
    files.sort();
    for (_, path) in files.iter().rev().skip(MAX_CACHED) {
        let _ = fs::remove_file(path);
    }
}

/// The file names that wrangler looks for.
pub const MANIFEST_NAMES: [&str; 3] = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

/// The manifest that wrangler uses in the folder `start`: the nearest `wrangler.json` in the folder
/// or above it, or else the nearest `wrangler.jsonc`, or else the nearest `wrangler.toml`.
#[must_use]
pub fn discover(start: &Path) -> Option<PathBuf> {
    let nearest = |name: &&str| {
        let mut candidates = start.ancestors().map(|folder| folder.join(name));
        candidates.find(|candidate| candidate.is_file())
    };
    MANIFEST_NAMES.iter().find_map(nearest)
}

/// The error that `start` and the folders above it have no manifest. It names a path that has the
/// name of a manifest and is no file.
#[must_use]
pub fn no_manifest(start: &Path) -> String {
    let folders = start.ancestors();
    let mut candidates =
        folders.flat_map(|folder| MANIFEST_NAMES.iter().map(|name| folder.join(name)));
    let unusable = candidates.find_map(|path| {
        let state = (path.is_symlink() || path.exists()).then(|| unusable(&path))?;
        Some(format!("`{}` is not a file: {}", path.display(), state?))
    });
    unusable.unwrap_or_else(|| {
        "there is no wrangler.json, wrangler.jsonc or wrangler.toml in this folder or above it"
            .to_owned()
    })
}

/// The `.sql` files below `folder`, as sorted paths relative to it with `/`. Hidden files are
/// skipped.
#[must_use]
pub fn sql_files(folder: &Path) -> Vec<String> {
    files_with(folder, ".sql")
}

/// The `.rs` files below `folder`, likewise.
pub(crate) fn rust_files(folder: &Path) -> Vec<String> {
    files_with(folder, ".rs")
}

fn files_with(folder: &Path, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    walk(folder, "", extension, &mut found);
    found.sort();
    found
}

fn walk(folder: &Path, prefix: &str, extension: &str, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            walk(&path, &format!("{prefix}{name}/"), extension, found);
        } else if name.ends_with(extension) {
            found.push(format!("{prefix}{name}"));
        }
    }
}

/// `path` relative to a folder, with `/`.
#[must_use]
pub fn relative(folder: &Path, path: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let pairs = folder.components().zip(path.components());
    let common = pairs.take_while(|(left, right)| left == right).count();

    let up = folder.components().skip(common).map(|_| "..".to_owned());
    let down = path.components().skip(common);
    let down = down.map(|component| component.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}

/// The names of the folders in `folder`, sorted.
#[must_use]
pub fn folders(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let folders = entries.flatten().filter(|entry| entry.path().is_dir());
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
