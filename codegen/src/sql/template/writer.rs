//! Writes a statement as the pieces of a template.

use bindery_sqlite::template::Piece;

use crate::syntax::ast::Bytes;

use super::spots::{Assigned, Spot};
use crate::sql::rewrite::Edit;

/// Writes the pieces of a statement.
pub(super) struct PieceWriter<'a> {
    pub(super) text: &'a str,
    pub(super) edits: &'a [Edit],
    /// In the order of the text; those inside another one after it.
    pub(super) spots: &'a [Spot],
    pub(super) pieces: Vec<Piece<String>>,
}

impl PieceWriter<'_> {
    /// Writes a range of the text. `within` is the spot that it belongs to.
    pub(super) fn range(&mut self, range: Bytes, within: Option<usize>) {
        let mut position = range.start;
        while position < range.end {
            let inside = |span: &Bytes| span.start >= position && span.end <= range.end;
            let spot = (0..self.spots.len()).find(|index| {
                within.is_none_or(|within| *index > within) && inside(self.spots[*index].span())
            });
            let start = spot.map_or(range.end, |index| self.spots[index].span().start);
            self.plain(position..start);
            let Some(index) = spot else { return };
            self.spot(index);
            position = self.spots[index].span().end;
        }
    }

    /// Writes a range without spots.
    fn plain(&mut self, range: Bytes) {
        let mut position = range.start;
        for edit in self.edits {
            let is_inside = edit.span.start >= position && edit.span.end <= range.end;
            // An insertion at the end belongs to what it follows.
            let is_before = edit.span.is_empty() && edit.span.start == range.start;
            if !is_inside || (is_before && range.start != 0) {
                continue;
            }
            self.push(position..edit.span.start);
            self.pieces.extend(edit.pieces.iter().cloned());
            position = edit.span.end;
        }
        self.push(position..range.end);
    }

    fn push(&mut self, range: Bytes) {
        let text = self.text.get(range).unwrap_or_default();
        if !text.is_empty() {
            self.pieces.push(Piece::Text(text.to_owned()));
        }
    }

    fn spot(&mut self, index: usize) {
        let within = Some(index);

        match &self.spots[index] {
            Spot::Conditions { items, .. } => {
                self.pieces.push(Piece::Begin);
                for item in items {
                    self.pieces.push(Piece::Item(" AND ".to_owned()));
                    match &item.optional {
                        None => self.range(item.span.clone(), within),
                        Some((choice, rest)) => self.when(*choice, 1, |writer| {
                            writer.alternatives(rest, within);
                        }),
                    }
                }
                self.pieces.push(Piece::End("TRUE".to_owned()));
            }
            Spot::Order { choice, arms, .. } => {
                for (arm, (span, direction)) in arms.iter().enumerate() {
                    self.when(*choice, arm, |writer| {
                        writer.range(span.clone(), within);
                        writer.pieces.push(Piece::Text((*direction).to_owned()));
                    });
                }
            }
            Spot::Assignments { items, .. } => self.assignments(items, within),
            Spot::After {
                span,
                choice,
                condition,
                has_filter,
            } => {
                let text = |text: &str| Piece::Text(text.to_owned());
                if *has_filter {
                    self.when(*choice, 1, |writer| {
                        writer.pieces.extend(condition.iter().cloned());
                        writer.pieces.push(text(" AND "));
                    });
                    self.pieces.push(text("("));
                    self.range(span.clone(), within);
                    self.pieces.push(text(")"));
                } else {
                    self.when(*choice, 1, |writer| {
                        writer.pieces.push(text("WHERE "));
                        writer.pieces.extend(condition.iter().cloned());
                        writer.pieces.push(text(" "));
                    });
                    self.push(span.clone());
                }
            }
        }
    }

    /// Writes the operands of OR that remain.
    fn alternatives(&mut self, rest: &[Bytes], within: Option<usize>) {
        let text = |text: &str| Piece::Text(text.to_owned());
        if let [only] = rest {
            return self.range(only.clone(), within);
        }
        for (index, alternative) in rest.iter().enumerate() {
            self.pieces
                .push(text(if index == 0 { "(" } else { " OR " }));
            self.range(alternative.clone(), within);
        }
        self.pieces.push(text(")"));
    }

    fn assignments(&mut self, items: &[Assigned], within: Option<usize>) {
        self.pieces.push(Piece::Begin);
        for item in items {
            self.pieces.push(Piece::Item(", ".to_owned()));
            let Some(choice) = item.optional else {
                self.range(item.span.clone(), within);
                continue;
            };
            self.when(choice, 1, |writer| writer.range(item.span.clone(), within));
            self.when(choice, 2, |writer| {
                writer.push(item.column.clone());
                writer.pieces.push(Piece::Text(" = NULL".to_owned()));
            });
        }

        // An UPDATE needs an assignment: one that changes nothing.
        let first = items.first().map(|item| item.column.clone());
        let column = first
            .and_then(|column| self.text.get(column))
            .unwrap_or_default();
        let unchanged = format!("{column} = {column}");
        self.pieces.push(Piece::End(unchanged));
    }

    /// Writes the pieces of an arm.
    fn when(&mut self, choice: usize, arm: usize, write: impl FnOnce(&mut Self)) {
        let start = self.pieces.len();
        self.pieces.push(Piece::Begin);
        write(self);
        let skip = self.pieces.len() - start - 1;
        self.pieces[start] = Piece::When { choice, arm, skip };
    }
}

/// Joins neighboring texts, and corrects the numbers of pieces to skip.
pub(super) fn joined(pieces: Vec<Piece<String>>) -> Vec<Piece<String>> {
    let mut joined: Vec<Piece<String>> = Vec::new();
    // Where each conditional part ends: the piece after it, and the place of its beginning.
    let mut open: Vec<(usize, usize)> = Vec::new();

    for (index, piece) in pieces.into_iter().enumerate() {
        let mut starts_part = false;
        open.retain(|(end, start)| {
            if *end != index {
                return true;
            }
            starts_part = true;
            let length = joined.len() - start - 1;
            if let Some(Piece::When { skip, .. }) = joined.get_mut(*start) {
                *skip = length;
            }
            false
        });

        match (joined.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(text)) if !starts_part => {
                before.push_str(&text);
            }
            (_, Piece::When { choice, arm, skip }) => {
                open.push((index + 1 + skip, joined.len()));
                joined.push(Piece::When { choice, arm, skip });
            }
            (_, piece) => joined.push(piece),
        }
    }
    for (_, start) in open {
        let length = joined.len() - start - 1;
        if let Some(Piece::When { skip, .. }) = joined.get_mut(start) {
            *skip = length;
        }
    }
    joined
}
