//! The reference as sections and blocks, independent of the output format.

/// A section of the reference.
#[derive(Debug)]
pub(crate) struct Section {
    /// The target of links to the section.
    pub(crate) id: String,
    /// The heading.
    pub(crate) title: String,
    /// The content.
    pub(crate) blocks: Vec<Block>,
    /// The subsections.
    pub(crate) parts: Vec<Section>,
}

/// A block of content. Texts and cells can contain code between backticks.
#[derive(Debug)]
pub(crate) enum Block {
    /// A paragraph.
    Text(String),
    /// A table: its headings and its rows.
    Table(Vec<&'static str>, Vec<Vec<String>>),
    /// Preformatted text: its language and the text.
    Code(&'static str, String),
    /// A warning of the compiler.
    Warning(String),
    /// A diagram in two formats.
    Diagram { svg: String, mermaid: String },
}

impl Section {
    /// Creates an empty section.
    pub(crate) fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            blocks: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Adds a paragraph.
    pub(crate) fn text(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }

    /// Adds a table, unless it has no rows.
    pub(crate) fn table(&mut self, headings: &[&'static str], rows: Vec<Vec<String>>) {
        if !rows.is_empty() {
            self.blocks.push(Block::Table(headings.to_vec(), rows));
        }
    }
}

/// The name as inline code.
pub(crate) fn code(name: &str) -> String {
    if name.is_empty() {
        String::new()
    } else {
        format!("`{}`", name.replace('`', "'"))
    }
}
