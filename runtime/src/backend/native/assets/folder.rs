//! The folder of the assets.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;

use super::super::bindings::Opened;
use super::super::log_line;
use super::super::pool::lock;
use super::ignore::Ignore;
use super::watched::{Stamp, Watched};

/// The limits of the platform. The number of files depends on the plan.
///
/// <https://developers.cloudflare.com/workers/platform/limits/>
const MAX_FILE_BYTES: u64 = 25 * 1024 * 1024;
const MAX_FILES: usize = 100_000;
const MAX_FILES_FREE: usize = 20_000;

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    ignore: Watched<Ignore>,
    /// The hashes of files, by the stamp that they had when they were read.
    hashes: Mutex<HashMap<PathBuf, (Stamp, String)>>,
}

impl Folder {
    /// Opens a folder, which may be created later, and checks the limits of the platform.
    pub(super) fn open(path: PathBuf) -> Opened<Self> {
        let ignore = Watched::new(path.join(".assetsignore"), |text, _| Ignore::parse(text));
        let folder = Self {
            path,
            ignore,
            hashes: Mutex::default(),
        };

        let shown = folder.path.display();
        if !folder.path.is_dir() {
            log_line(&format!(
                "warning: the folder {shown} of the assets does not exist"
            ));
            return Ok(folder);
        }
        let files = folder.count()?;
        if files > MAX_FILES {
            let message = format!(
                "the folder {shown} of the assets has {files} files, and a worker can have at most \
                 {MAX_FILES}; exclude some of them in `.assetsignore`"
            );
            return Err(message.into());
        }
        if files > MAX_FILES_FREE {
            log_line(&format!(
                "warning: the folder {shown} of the assets has {files} files, and the free plan \
                 allows {MAX_FILES_FREE}"
            ));
        }
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Finds the file of a decoded path, which starts with a slash.
    pub(super) fn find(&self, path: &str) -> Option<PathBuf> {
        let relative = path.strip_prefix('/')?;
        let is_plain = |segment: &str| {
            let mut components = Path::new(segment).components();
            let is_same = matches!(
                components.next(),
                Some(Component::Normal(name)) if name.to_str() == Some(segment)
            );
            is_same && components.next().is_none() && !segment.contains('\0')
        };
        if !relative.split('/').all(is_plain) {
            return None;
        }

        let file = self.path.join(relative);
        let is_file = fs::metadata(&file).is_ok_and(|metadata| metadata.is_file());
        let is_served = is_file
            && self.is_inside(&file, relative)
            && !self.ignore.current().is_ignored(relative);
        is_served.then_some(file)
    }

    /// Whether a file is in the folder after links are followed, and has the case of the path: some
    /// file systems ignore case, and the platform does not.
    fn is_inside(&self, file: &Path, relative: &str) -> bool {
        let (Ok(folder), Ok(file)) = (self.path.canonicalize(), file.canonicalize()) else {
            return false;
        };
        let Ok(real) = file.strip_prefix(folder) else {
            return false;
        };
        let relative = Path::new(relative);
        real == relative || !real.as_os_str().eq_ignore_ascii_case(relative.as_os_str())
    }

    /// Counts the files that are served.
    fn count(&self) -> Opened<usize> {
        let ignore = self.ignore.current();
        let mut folders = vec![self.path.clone()];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let path = entry.path();
                if entry.file_type()?.is_dir() {
                    folders.push(path);
                    continue;
                }

                let relative = path.strip_prefix(&self.path).unwrap_or(&path);
                let relative = relative.to_string_lossy().replace('\\', "/");
                if !ignore.is_ignored(&relative) {
                    files += usize::from(self.check(&path, &relative)?);
                }
            }
        }
        Ok(files)
    }

    /// Checks the size of a file. Returns whether it is served.
    fn check(&self, path: &Path, relative: &str) -> Opened<bool> {
        let Ok(metadata) = fs::metadata(path) else {
            return Ok(false);
        };
        if !metadata.is_file() {
            return Ok(false);
        }
        if !self.is_inside(path, relative) {
            let path = path.display();
            log_line(&format!(
                "warning: {path} is not served, because it is a link to a file outside of the \
                 folder of the assets"
            ));
            return Ok(false);
        }

        let size = metadata.len();
        if size > MAX_FILE_BYTES {
            let mebibytes = size as f64 / (1024.0 * 1024.0);
            let message = format!(
                "the asset {} has {mebibytes:.1} MiB, and an asset can have at most 25 MiB; \
                 exclude it in `.assetsignore`, or store it in R2",
                path.display()
            );
            return Err(message.into());
        }
        Ok(true)
    }

    /// The hash of a file. `compute` reads the file if its hash is not known.
    pub(super) fn hash(
        &self,
        file: &Path,
        stamp: Option<Stamp>,
        compute: impl FnOnce() -> io::Result<String>,
    ) -> io::Result<String> {
        let Some(stamp) = stamp else {
            return compute();
        };
        if let Some((known, hash)) = lock(&self.hashes).get(file)
            && *known == stamp
        {
            return Ok(hash.clone());
        }

        let hash = compute()?;
        let entry = (stamp, hash.clone());
        lock(&self.hashes).insert(file.to_owned(), entry);
        Ok(hash)
    }
}
