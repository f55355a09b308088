//! A text file that is read again when it changes.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use super::super::log_line;
use super::super::pool::lock;

/// A file that changed this recently may change again without a new modification time.
const UNSETTLED: Duration = Duration::from_secs(2);

/// The modification time and the size of a file, which change with its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: SystemTime,
    size: u64,
}

impl Stamp {
    /// The stamp of a file, or `None` if it cannot prove that the content is the same.
    pub(super) fn of(metadata: &fs::Metadata) -> Option<Self> {
        let modified = metadata.modified().ok()?;
        let age = SystemTime::now().duration_since(modified).ok()?;
        (age > UNSETTLED).then_some(Self {
            modified,
            size: metadata.len(),
        })
    }
}

/// A line that is ignored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The number of the line. The first one is 1.
    pub(super) line: usize,
    pub(super) message: String,
}

/// The parsed content of a file; that of an empty text if the file does not exist.
pub(super) struct Watched<T> {
    path: PathBuf,
    parse: Parse<T>,
    state: Mutex<Option<State<T>>>,
}

type Parse<T> = Box<dyn Fn(&str, &mut Vec<Problem>) -> T + Send + Sync>;

struct State<T> {
    stamp: Option<Stamp>,
    text: String,
    value: Arc<T>,
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Watched")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl<T> Watched<T> {
    pub(super) fn new(
        path: PathBuf,
        parse: impl Fn(&str, &mut Vec<Problem>) -> T + Send + Sync + 'static,
    ) -> Self {
        Self {
            path,
            parse: Box::new(parse),
            state: Mutex::default(),
        }
    }

    /// Reads the file if it changed, and logs the lines that are ignored.
    pub(super) fn current(&self) -> Arc<T> {
        let metadata = fs::metadata(&self.path).ok();
        let stamp = metadata.as_ref().and_then(Stamp::of);
        let mut state = lock(&self.state);
        if let Some(state) = &*state
            && stamp.is_some()
            && stamp == state.stamp
        {
            return Arc::clone(&state.value);
        }

        let text = match metadata {
            None => String::new(),
            Some(_) => self.read(),
        };
        if let Some(state) = &mut *state
            && text == state.text
        {
            state.stamp = stamp;
            return Arc::clone(&state.value);
        }

        let value = Arc::new(self.parse(&text));
        *state = Some(State {
            stamp,
            text,
            value: Arc::clone(&value),
        });
        value
    }

    fn read(&self) -> String {
        match fs::read(&self.path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => {
                let path = self.path.display();
                log_line(&format!("warning: {path} cannot be read: {error}"));
                String::new()
            }
        }
    }

    fn parse(&self, text: &str) -> T {
        let mut problems = Vec::new();
        let value = (self.parse)(text, &mut problems);
        problems.sort_by_key(|problem| problem.line);
        for Problem { line, message } in problems {
            let path = self.path.display();
            log_line(&format!(
                "warning: {path}:{line}: {message}; the line is ignored"
            ));
        }
        value
    }
}
