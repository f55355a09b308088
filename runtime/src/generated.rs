//! The declarative macros that generated code calls, once for each row type and each query.
//!
//! A project can have hundreds of queries. A call of these macros is short, so the code that
//! `#[bindings]` returns stays small, and rustc expands it quickly.

/// Declares a row type: a struct with a field for each column.
///
/// A row is decoded by position and serialized by name. Each field is
/// `take 0 "column" field: Type`, where `take` is the method of `d1::Row` that reads the column.
#[doc(hidden)]
#[macro_export]
macro_rules! __bindery_row {
    ($(#[$docs:meta])* $row:ident {
        $($(#[$field_docs:meta])* $take:ident $index:literal $column:literal $field:ident: $ty:ty,)*
    }) => {
        $(#[$docs])*
        #[derive(::core::clone::Clone, ::core::fmt::Debug, ::core::cmp::PartialEq)]
        pub struct $row {
            $($(#[$field_docs])* pub $field: $ty,)*
        }

        impl $crate::d1::FromRow for $row {
            fn from_row(
                row: &mut $crate::d1::Row<'_>,
            ) -> ::core::result::Result<Self, $crate::d1::DecodeError> {
                ::core::result::Result::Ok(Self { $($field: row.$take($index)?,)* })
            }
        }

        // `derive(Serialize)` branches after every field. In a large project rustc needs more time
        // to check those branches than for everything else, so `Fields` holds the first error.
        impl $crate::__private::serde::Serialize for $row {
            fn serialize<S: $crate::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                const COLUMNS: &[&str] = &[$($column),*];
                $crate::__private::Fields::new(serializer, ::core::stringify!($row), COLUMNS.len())
                    $(.field($column, &self.$field))*
                    .end()
            }
        }
    };
}

/// Declares the method of a database that returns one query.
///
/// Each argument is `name: Type => encode`, where `encode` is the function of `__private` that
/// converts the argument to a parameter.
#[doc(hidden)]
#[macro_export]
macro_rules! __bindery_method {
    (
        $(#[$docs:meta])*
        $method:ident<$lifetime:lifetime>(
            $($argument:ident: $ty:ty => $encode:ident,)*
        ) -> $shape:ty,
        $name:literal, $sql:literal,
        columns: [$($column:literal),*], reads_only: $reads_only:literal
    ) => {
        $(#[$docs])*
        pub fn $method<$lifetime>(
            &$lifetime self,
            $($argument: $ty),*
        ) -> $crate::d1::Query<$lifetime, $shape> {
            static STATEMENT: $crate::d1::Statement = $crate::d1::Statement {
                name: $name,
                sql: $sql,
                columns: &[$($column),*],
                reads_only: $reads_only,
            };
            $crate::__private::query(
                &self.0,
                &STATEMENT,
                [$($crate::__private::$encode($argument)),*],
            )
        }
    };
}

#[cfg(all(test, not(target_arch = "wasm32")))]
#[expect(unreachable_pub, reason = "the macro declares public types")]
mod tests {
    use crate::d1::{Cell, Cells, FromRow, Row};

    __bindery_row! {
        /// A task.
        Task {
            take 0 "id" id: i64,
            take 1 "due at" due_at: Option<String>,
            take_json 2 "tags" tags: String,
            take_optional_json 3 "extra" extra: Option<String>,
        }
    }

    struct Values(Vec<Cell<'static>>);

    impl Cells for Values {
        fn cell(&self, index: usize) -> Result<Cell<'_>, String> {
            self.0
                .get(index)
                .cloned()
                .ok_or_else(|| "no such column".to_owned())
        }
    }

    fn decode(cells: Vec<Cell<'static>>) -> Result<Task, crate::d1::DecodeError> {
        let values = Values(cells);
        let columns = &["id", "due at", "tags", "extra"];
        Task::from_row(&mut Row::new(&values, columns, 1))
    }

    #[test]
    fn a_row_decodes_by_position_and_serializes_by_name() {
        let cells = vec![Cell::Integer(7), Cell::Null, Cell::Integer(5), Cell::Null];
        let task = decode(cells).expect("the values have the types of the columns");
        assert_eq!(task.id, 7);
        assert_eq!(task.tags, "5");
        let json = serde_json::to_string(&task).expect("a row serializes to JSON");
        assert_eq!(json, r#"{"id":7,"due at":null,"tags":"5","extra":null}"#);
    }

    #[test]
    fn a_value_of_another_type_names_its_column() {
        let cells = vec![Cell::Integer(7), Cell::Integer(1), Cell::Null, Cell::Null];
        let error = decode(cells).expect_err("an integer is not text");
        assert_eq!((error.row, error.column), (1, "due at"));
    }
}
