//! Several queries as one transaction.

use std::future::Future;

use crate::backend;
use crate::error::Failure;

use super::query::{Collected, after_commit};
use super::{Call, Meta, Query, Shape, check};

/// Queries that can run as one transaction: a tuple of up to eight queries, or a `Vec`.
///
/// See [`D1::batch`](super::D1::batch).
pub trait Batch: Send + private::Run {}

impl<B: Send + private::Run> Batch for B {}

pub(crate) mod private {
    use super::{Failure, Future, Meta, backend};

    /// The methods of [`super::Batch`], which other crates cannot implement.
    pub trait Run {
        /// The results.
        type Output: Send;
        /// Returns the number of queries.
        fn len(&self) -> usize;
        /// Runs the queries.
        fn run(
            self,
            backend: &backend::D1,
        ) -> impl Future<Output = Result<(Self::Output, Vec<Meta>), Failure>> + Send;
    }
}

macro_rules! tuple {
    ($count:literal: $($shape:ident $index:tt),*) => {
        impl<'a, $($shape: Shape),*> private::Run for ($(Query<'a, $shape>,)*) {
            type Output = ($($shape::Output,)*);

            fn len(&self) -> usize {
                $count
            }

            async fn run(
                self,
                backend: &backend::D1,
            ) -> Result<(Self::Output, Vec<Meta>), Failure> {
                $(check(&self.$index.parameters)?;)*

                let mut rows = ($(Collected::<$shape>::default(),)*);
                let mut calls = [$(Call {
                    statement: self.$index.statement,
                    parameters: &self.$index.parameters,
                    rows: &mut rows.$index,
                    limit: $shape::LIMIT,
                    wants_meta: true,
                }),*];
                let statements = [$(self.$index.statement),*];
                let committed = |failure| after_commit(failure, statements);
                let metas = backend.batch(&mut calls).await.map_err(committed)?;

                let mut each = metas.iter().copied();
                let output = ($({
                    let output = rows.$index.finish(&each.next().unwrap_or_default());
                    let named = |failure: Failure| failure.of_query(self.$index.statement.name);
                    output.map_err(named).map_err(committed)?
                },)*);
                Ok((output, metas))
            }
        }
    };
}
tuple!(1: A 0);
tuple!(2: A 0, B 1);
tuple!(3: A 0, B 1, C 2);
tuple!(4: A 0, B 1, C 2, D 3);
tuple!(5: A 0, B 1, C 2, D 3, E 4);
tuple!(6: A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

impl<S: Shape> private::Run for Vec<Query<'_, S>> {
    type Output = Vec<S::Output>;

    fn len(&self) -> usize {
        self.len()
    }

    async fn run(self, backend: &backend::D1) -> Result<(Self::Output, Vec<Meta>), Failure> {
        for query in &self {
            check(&query.parameters)?;
        }

        let mut rows: Vec<Collected<S>> = self.iter().map(|_| Collected::default()).collect();
        let mut calls = Vec::with_capacity(self.len());
        for (query, rows) in self.iter().zip(&mut rows) {
            calls.push(Call {
                statement: query.statement,
                parameters: &query.parameters,
                rows,
                limit: S::LIMIT,
                wants_meta: true,
            });
        }
        let statements = || self.iter().map(|query| query.statement);
        let committed = |failure| after_commit(failure, statements());
        let metas = backend.batch(&mut calls).await.map_err(committed)?;

        let mut output = Vec::with_capacity(rows.len());
        for ((rows, meta), statement) in rows.into_iter().zip(&metas).zip(statements()) {
            let named = |failure: Failure| failure.of_query(statement.name);
            output.push(rows.finish(meta).map_err(named).map_err(committed)?);
        }
        Ok((output, metas))
    }
}
