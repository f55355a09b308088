//! A reference as blocks: what HTML and Markdown are made from.

/// A part of the reference, with parts below it.
#[derive(Debug)]
pub(crate) struct Section {
    /// What links name it by.
    pub(crate) id: String,
    /// Its heading.
    pub(crate) title: String,
    /// What is in it.
    pub(crate) blocks: Vec<Block>,
    /// The parts below it.
    pub(crate) parts: Vec<Section>,
}

/// Something in a section. Text between backticks is code.
#[derive(Debug)]
pub(crate) enum Block {
    /// A paragraph.
    Text(String),
    /// A table: its headings, and its rows.
    Table(Vec<&'static str>, Vec<Vec<String>>),
    /// Text of a language, as it is.
    Code(&'static str, String),
    /// What there is to look at.
    Warning(String),
    /// A diagram: as SVG, and as Mermaid.
    Diagram { svg: String, mermaid: String },
}

impl Section {
    /// A section without anything in it.
    pub(crate) fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            blocks: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// With a paragraph.
    pub(crate) fn text(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }

    /// With a table, unless it has no rows.
    pub(crate) fn table(&mut self, headings: &[&'static str], rows: Vec<Vec<String>>) {
        if !rows.is_empty() {
            self.blocks.push(Block::Table(headings.to_vec(), rows));
        }
    }
}

/// A name as code.
pub(crate) fn code(name: &str) -> String {
    if name.is_empty() {
        String::new()
    } else {
        format!("`{}`", name.replace('`', "'"))
    }
}
