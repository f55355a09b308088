//! Several queries as one transaction.

use std::slice;

use crate::error::Failure;
use crate::failure::Member;

use super::meta::Detail;
use super::query::{Call, Collected};
use super::statement::AnyStatement;
use super::{D1, Meta, Query, Shape};

/// Queries that can run as one transaction: a query, or a tuple or `Vec` of them, nested as needed.
///
/// See [`D1::batch`](super::D1::batch).
#[diagnostic::on_unimplemented(
    message = "a batch contains a value that is not a query, or a tuple of more than 26 elements",
    label = "expected a query, a tuple of up to 26 batches, or a `Vec` of batches",
    note = "pass the queries without `.await`: `batch((db.first(), db.second()))`",
    note = "nest tuples to run more than 26 queries: `batch(((a, b), (c, d)))`"
)]
pub trait Batch: Send {
    /// The results.
    type Output: Send;
    /// The sinks for the rows. Other crates cannot name what this trait needs to be implemented.
    #[doc(hidden)]
    type Rows: Send;

    #[doc(hidden)]
    fn databases<'d>(&'d self, found: &mut Vec<&'d D1>);
    #[doc(hidden)]
    fn rows(&self) -> Self::Rows;
    #[doc(hidden)]
    fn calls<'c>(&'c self, rows: &'c mut Self::Rows, calls: &mut Vec<Call<'c>>);
    #[doc(hidden)]
    fn finish(rows: Self::Rows, results: &mut Results<'_>) -> Result<Self::Output, Failure>;
}

/// The counts of the queries of a batch that have not been taken.
pub struct Results<'r> {
    metas: slice::Iter<'r, Meta>,
    taken: usize,
}

impl<'r> Results<'r> {
    pub(super) fn new(metas: &'r [Meta]) -> Self {
        Self {
            metas: metas.iter(),
            taken: 0,
        }
    }

    /// Takes the counts of the next query, and finishes it with them.
    fn next<T>(&mut self, finish: impl FnOnce(&Meta) -> Result<T, Failure>) -> Result<T, Failure> {
        let index = self.taken;
        self.taken += 1;
        let none = Meta::default();
        finish(self.metas.next().unwrap_or(&none)).map_err(|failure| failure.at(index))
    }
}

impl<S: Shape> Batch for Query<'_, S> {
    type Output = S::Output;
    type Rows = Collected<S>;

    fn databases<'d>(&'d self, found: &mut Vec<&'d D1>) {
        found.push(self.database);
    }

    fn rows(&self) -> Self::Rows {
        Collected::of(&self.statement)
    }

    fn calls<'c>(&'c self, rows: &'c mut Self::Rows, calls: &mut Vec<Call<'c>>) {
        calls.push(Call {
            statement: &self.statement,
            parameters: &self.parameters,
            rows,
            limit: S::LIMIT,
            detail: S::DETAIL.max(Detail::Counts),
        });
    }

    fn finish(rows: Self::Rows, results: &mut Results<'_>) -> Result<Self::Output, Failure> {
        results.next(|meta| rows.finish(meta))
    }
}

impl<B: Batch> Batch for Vec<B> {
    type Output = Vec<B::Output>;
    type Rows = Vec<B::Rows>;

    fn databases<'d>(&'d self, found: &mut Vec<&'d D1>) {
        for batch in self {
            batch.databases(found);
        }
    }

    fn rows(&self) -> Self::Rows {
        self.iter().map(B::rows).collect()
    }

    fn calls<'c>(&'c self, rows: &'c mut Self::Rows, calls: &mut Vec<Call<'c>>) {
        for (batch, rows) in self.iter().zip(rows) {
            batch.calls(rows, calls);
        }
    }

    fn finish(rows: Self::Rows, results: &mut Results<'_>) -> Result<Self::Output, Failure> {
        let finish = |rows| B::finish(rows, results);
        rows.into_iter().map(finish).collect()
    }
}

macro_rules! tuple {
    ($($batch:ident $index:tt)*) => {
        impl<$($batch: Batch),*> Batch for ($($batch,)*) {
            type Output = ($($batch::Output,)*);
            type Rows = ($($batch::Rows,)*);

            fn databases<'d>(&'d self, found: &mut Vec<&'d D1>) {
                $(self.$index.databases(found);)*
            }

            fn rows(&self) -> Self::Rows {
                ($(self.$index.rows(),)*)
            }

            fn calls<'c>(&'c self, rows: &'c mut Self::Rows, calls: &mut Vec<Call<'c>>) {
                $(self.$index.calls(&mut rows.$index, calls);)*
            }

            fn finish(
                rows: Self::Rows,
                results: &mut Results<'_>,
            ) -> Result<Self::Output, Failure> {
                Ok(($($batch::finish(rows.$index, results)?,)*))
            }
        }
    };
}

/// Implements the trait for each tuple that starts with the first parameter.
macro_rules! tuples {
    ([$($before:tt)*]) => {};
    ([$($before:tt)*] $batch:ident $index:tt $($rest:tt)*) => {
        tuple!($($before)* $batch $index);
        tuples!([$($before)* $batch $index] $($rest)*);
    };
}
tuples!([]
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12
    N 13 O 14 P 15 Q 16 R 17 S 18 T 19 U 20 V 21 W 22 X 23 Y 24 Z 25
);

/// Returns what an error of the batch has to know about its queries.
pub(super) fn members(calls: &[Call<'_>]) -> Vec<Member> {
    let member = |statement: &AnyStatement| Member {
        name: statement.name(),
        reads_only: statement.reads_only(),
    };
    calls.iter().map(|call| member(call.statement)).collect()
}
