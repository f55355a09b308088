//! The help and the edits of a fix.

use std::collections::BTreeSet;
use std::ops::Range;

use super::literal::{Format, Literal, block};
use super::{Add, Append, Edit, Fix, Rename, Rendered, SETTINGS_FILE, Setting};
use crate::source::{File, Sources, Span};

impl Fix {
    pub(super) fn render(&self, sources: &Sources) -> Rendered {
        match self {
            Self::Guess(span, value) => {
                let written = Target::of(*span, sources).value(value);
                Rendered {
                    help: format!("did you mean `{written}`?"),
                    edits: vec![Target::of(*span, sources).replace(*span, written)],
                }
            }
            Self::Convert(span, value) => {
                let written = Target::of(*span, sources).value(value);
                Rendered {
                    help: format!("write `{written}`"),
                    edits: vec![Target::of(*span, sources).replace(*span, written)],
                }
            }
            Self::Rename(rename) => Target::of(rename.key, sources).rename(rename),
            Self::Add(add) => Target::of(add.table, sources).add(add),
            Self::Append(append) => Target::of(append.list, sources).append(append),
            Self::Wrap(span, is_table) => Target::of(*span, sources).wrap(*span, *is_table),
            Self::Remove(key, value) => Target::of(*key, sources).remove(*key, *value),
            Self::Setting(setting) => self::setting(setting, sources),
            Self::Both(first, second) => {
                let (mut first, second) = (first.render(sources), second.render(sources));
                first.edits.extend(second.edits);
                Rendered {
                    help: format!("{}\n{}", first.help, second.help),
                    edits: first.edits,
                }
            }
        }
    }
}

/// The file that a fix changes.
struct Target<'a> {
    file: &'a File,
    text: &'a str,
    format: Format,
}

/// How a table is written.
enum Written {
    /// The whole file.
    Root,
    /// `{ ... }`
    Braces,
    /// A TOML header.
    Header,
    /// A part of a longer TOML key: `a` in `a.b = 1` or in `[a.b]`.
    Part,
}

impl<'a> Target<'a> {
    fn of(span: Span, sources: &'a Sources) -> Self {
        let file = sources.file(span.file);
        Self {
            file,
            text: &file.text,
            format: Format::of(&file.name),
        }
    }

    fn at(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    fn edit(&self, range: Range<usize>, text: impl Into<String>) -> Edit {
        Edit {
            path: self.file.path.clone(),
            range,
            text: text.into(),
        }
    }

    fn insert(&self, at: usize, text: impl Into<String>) -> Edit {
        self.edit(at..at, text)
    }

    fn replace(&self, span: Span, text: impl Into<String>) -> Edit {
        self.edit(span.start..span.end, text)
    }

    /// A value on one line. The names in it are not in the file yet.
    fn value(&self, value: &Literal) -> String {
        self.format.value(&self.with_unused_names(value))
    }

    fn with_unused_names(&self, value: &Literal) -> Literal {
        let recurse = |value| self.with_unused_names(value);

        match value {
            Literal::Name(base) => {
                let numbered = (2..).map(|number| format!("{base}_{number}"));
                let mut names = std::iter::once(base.clone()).chain(numbered);
                Literal::Name(
                    names
                        .find(|name| !self.file.quotes(name))
                        .unwrap_or_default(),
                )
            }
            Literal::List(items) => Literal::List(items.iter().map(recurse).collect()),
            Literal::Table(entries) => {
                let entries = entries.iter();
                Literal::Table(
                    entries
                        .map(|(key, value)| (key.clone(), recurse(value)))
                        .collect(),
                )
            }
            Literal::Text(_) | Literal::Plain(_) => value.clone(),
        }
    }

    fn written(&self, table: Span) -> Written {
        match self.at(table).chars().next() {
            None => Written::Root,
            Some('{') => Written::Braces,
            Some('[') => Written::Header,
            Some(_) => Written::Part,
        }
    }

    fn line_start(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        before.rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// The end of the line, without its line break.
    fn line_end(&self, at: usize) -> usize {
        let after = self.text.get(at..).unwrap_or_default();
        after
            .find('\n')
            .map_or(self.text.len(), |newline| at + newline)
    }

    /// The edit that adds a block of lines at the end of the file.
    fn at_the_end(&self, block: &str) -> Edit {
        let separator = match self.text {
            "" => "",
            text if text.ends_with('\n') => "\n",
            _ => "\n\n",
        };
        self.insert(self.text.len(), format!("{separator}{block}\n"))
    }

    fn add(&self, add: &Add) -> Rendered {
        let value = self.with_unused_names(&add.value);
        let entry = self.format.entry(&add.key, &value);
        // A table with a path is not the place of the diagnostic.
        let place = match add.path.as_deref() {
            None => String::new(),
            Some([]) => " at the top level".to_owned(),
            Some(path) => format!(" to `{}`", path.join(".")),
        };
        let in_table = |edit| Rendered {
            help: format!("add `{entry}`{place}"),
            edits: vec![edit],
        };

        let written = self.written(add.table);
        if matches!(written, Written::Braces) {
            let after = self.text.get(add.table.start + 1..).unwrap_or_default();
            let separator = match after.trim_start().starts_with('}') {
                true => " ",
                false => ",",
            };
            return in_table(self.insert(add.table.start + 1, format!(" {entry}{separator}")));
        }
        if let Some(path) = &add.path {
            let path: Vec<String> = path.iter().chain([&add.key]).cloned().collect();
            if let Some(block) = block(&path, &value) {
                return Rendered {
                    edits: vec![self.at_the_end(&block)],
                    help: format!("add at the end of the file:\n{block}"),
                };
            }
        }

        match written {
            // The mark of the byte order stays at the start of the file.
            Written::Root | Written::Braces => {
                let start = self.text.len() - self.text.trim_start_matches('\u{feff}').len();
                Rendered {
                    help: format!("add `{entry}` above the first table"),
                    edits: vec![self.insert(start, format!("{entry}\n"))],
                }
            }
            Written::Header => {
                let end = self.line_end(add.table.end);
                in_table(self.insert(end, format!("\n{entry}")))
            }
            Written::Part => self.add_to_part(add.table, &entry),
        }
    }

    /// Adds an entry to a table that is a part of a longer key.
    fn add_to_part(&self, table: Span, entry: &str) -> Rendered {
        let line_start = self.line_start(table.start);
        let before = self.text.get(line_start..table.start).unwrap_or_default();

        let in_braces = before.rfind(['{', ',']);
        let start = line_start + in_braces.map_or(0, |brace| brace + 1);
        let prefix = self.text.get(start..table.end).unwrap_or_default();
        let prefix = prefix.trim_start();
        if prefix.starts_with('[') {
            // The table is only a part of a header: a header of its own can follow.
            let path = prefix.trim_start_matches('[');
            let block = format!("[{path}]\n{entry}");
            return Rendered {
                edits: vec![self.at_the_end(&block)],
                help: format!("add at the end of the file:\n{block}"),
            };
        }
        let entry = format!("{prefix}.{entry}");
        let edit = match in_braces {
            Some(_) => self.insert(start, format!(" {entry},")),
            None => self.insert(line_start, format!("{entry}\n")),
        };
        Rendered {
            help: format!("add `{entry}`"),
            edits: vec![edit],
        }
    }

    fn append(&self, append: &Append) -> Rendered {
        let item = self.with_unused_names(&append.item);
        if self.at(append.list).starts_with("[[") {
            let block = block(&append.path, &Literal::List(vec![item])).unwrap_or_default();
            return Rendered {
                edits: vec![self.at_the_end(&block)],
                help: format!("add at the end of the file:\n{block}"),
            };
        }

        let item = self.format.value(&item);
        let edit = match append.last {
            Some(last) => self.insert(last.end, format!(", {item}")),
            None => self.insert(append.list.start + 1, item.clone()),
        };
        Rendered {
            help: format!("add `{item}` to `{}`", append.path.join(".")),
            edits: vec![edit],
        }
    }

    fn wrap(&self, value: Span, is_table: bool) -> Rendered {
        let written = self.at(value);
        let brackets = vec![self.insert(value.start, "["), self.insert(value.end, "]")];

        if !is_table {
            return Rendered {
                help: format!("write `[{written}]`"),
                edits: brackets,
            };
        }
        match self.written(value) {
            Written::Header => Rendered {
                help: format!("write `[{written}]`"),
                edits: brackets,
            },
            Written::Braces => Rendered {
                help: "put the table in `[` and `]`".to_owned(),
                edits: brackets,
            },
            Written::Root | Written::Part => Rendered {
                help: "write it as a list of tables, each with a header in `[[` and `]]`"
                    .to_owned(),
                edits: Vec::new(),
            },
        }
    }

    fn remove(&self, key: Span, value: Span) -> Rendered {
        let line_start = self.line_start(key.start);
        let in_line = self.text.get(line_start..key.start).unwrap_or_default();
        let before = self.text.get(..key.start).unwrap_or_default().trim_end();
        let after = self.text.get(value.end..).unwrap_or_default();

        let range = if self.format == Format::Toml && !in_line.contains('{') {
            // An entry below a TOML header has lines of its own.
            line_start..(self.line_end(value.end) + 1).min(self.text.len())
        } else if let Some(rest) = after.trim_start().strip_prefix(',') {
            key.start..self.text.len() - rest.len()
        } else if before.ends_with(',') {
            before.len() - 1..value.end
        } else {
            key.start..value.end
        };
        Rendered {
            help: format!("remove `{}`", self.at(key)),
            edits: vec![self.edit(range, "")],
        }
    }

    fn rename(&self, rename: &Rename) -> Rendered {
        let to = &rename.to;
        let is_list = |span: Span| self.at(span).starts_with("[[");
        let first = rename
            .inside
            .iter()
            .find(|span| span.start <= rename.key.start && rename.key.end <= span.end);
        // The items of a TOML list can be apart, so two lists can become one.
        let joins = rename.taken.is_some_and(is_list) && first.copied().is_some_and(is_list);
        if rename.taken.is_some() && !joins {
            return Rendered {
                help: format!("move its content to `{to}`"),
                edits: Vec::new(),
            };
        }

        let written = self.format.key(to);
        let mut edits = vec![self.replace(rename.key, written.clone())];
        if self.format == Format::Toml {
            let places = rename.inside.iter();
            let repeated = places.filter_map(|place| self.repeated(rename.key, *place));
            let mut starts = BTreeSet::from([rename.key.start]);
            for range in repeated.filter(|range| starts.insert(range.start)) {
                edits.push(self.edit(range, written.clone()));
            }
        }
        Rendered {
            help: format!("did you mean `{to}`?"),
            edits,
        }
    }

    /// Where the header or the longer key at a place inside a value repeats the key of the value.
    fn repeated(&self, key: Span, place: Span) -> Option<Range<usize>> {
        let line_start = self.line_start(place.start);
        let key_line = self.line_start(key.start);
        let leading = self.text.get(key_line..key.start)?;
        let name = self.at(key);

        // The same keys come before it, in a header of a table or of a list.
        let line = self.text.get(line_start..self.line_end(place.start))?;
        let path = leading.trim_start_matches(['[', ' ', '\t']);
        let start = line.len() - line.trim_start_matches(['[', ' ', '\t']).len();
        let rest = line.get(start..)?.strip_prefix(path)?.strip_prefix(name)?;
        let is_whole = rest.starts_with(['.', ']', ' ', '=']);
        let start = line_start + start + path.len();
        is_whole.then_some(start..start + name.len())
    }
}

fn setting(setting: &Setting, sources: &Sources) -> Rendered {
    let entry = Format::Toml.entry(&setting.key, &Literal::Text(setting.value.clone()));
    let block = format!("[package.metadata.bindery.{}]\n{entry}", setting.table);
    let help = format!("name its field in `{SETTINGS_FILE}`:\n{block}");

    let edits = match (setting.replaced, setting.existing) {
        (Some(span), _) => {
            let target = Target::of(span, sources);
            let value = target.value(&Literal::Text(setting.value.clone()));
            vec![target.replace(span, value)]
        }
        (None, Some(table)) => {
            let add = Add {
                table,
                path: None,
                key: setting.key.clone(),
                value: Literal::Text(setting.value.clone()),
            };
            Target::of(table, sources).add(&add).edits
        }
        (None, None) => vec![new_table(setting, &block, sources)],
    };
    Rendered { help, edits }
}

/// The edit that adds a table to the settings, whose file may not exist.
fn new_table(setting: &Setting, block: &str, sources: &Sources) -> Edit {
    let mut files = sources.files();
    match files.find(|file| file.name == SETTINGS_FILE) {
        Some(file) => Target {
            file,
            text: &file.text,
            format: Format::Toml,
        }
        .at_the_end(block),
        None => Edit {
            path: sources
                .file(setting.manifest.file)
                .path
                .with_file_name(SETTINGS_FILE),
            range: 0..0,
            text: format!("{block}\n"),
        },
    }
}
