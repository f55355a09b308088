//! The names of types in emitted text.

use super::row::is_json;
use crate::schema::TextEnum;
use crate::sql::ResultColumn;
use crate::sql::parameters::{Resolved, Role};
use crate::sql::scalar::Paths;

/// How emitted text names things.
#[derive(Debug)]
pub(super) struct Names<'a> {
    /// The runtime crate.
    pub(super) krate: &'a str,
    /// The path of the database's module, with `::` at its end; empty inside the module.
    pub(super) module: &'a str,
    /// The enums by number: those of the database, then those of the query.
    pub(super) text_enums: [&'a [TextEnum]; 2],
}

impl Names<'_> {
    /// Spells a type.
    pub(super) fn spell(&self, spell: impl FnOnce(&Paths<'_>) -> String) -> String {
        let text_enum = |number: u32| {
            let mut all = self.text_enums.iter().copied().flatten();
            let found = all.nth(number as usize);
            format!(
                "{}{}",
                self.module,
                found.map_or("", |text_enum| &text_enum.ty)
            )
        };
        spell(&Paths {
            prelude: &format!("{}::__private::", self.krate),
            d1: &format!("{}::d1::", self.krate),
            text_enum: &text_enum,
        })
    }

    /// The type of a column.
    pub(super) fn column(&self, column: &ResultColumn) -> String {
        let ty = match &column.as_type {
            Some(ty) => ty.clone(),
            None => self.spell(|paths| column.scalar.owned(paths)),
        };
        optional(ty, column.nullable)
    }

    /// The type of a field of a struct of arguments.
    pub(super) fn field(&self, parameter: &Resolved) -> String {
        if parameter.role == Role::Sort && !parameter.nullable {
            return self.sort(parameter);
        }
        if !parameter.list {
            return self.argument(parameter, "'a");
        }
        let item = match &parameter.as_type {
            Some(ty) => ty.clone(),
            None => self.spell(|paths| parameter.scalar.borrowed(paths, "'a")),
        };
        optional(format!("&'a [{item}]"), parameter.nullable)
    }

    /// The type of the value of a single column, as a row.
    pub(super) fn scalar(&self, column: &ResultColumn) -> String {
        if is_json(column) {
            optional(format!("{}::d1::JsonText", self.krate), column.nullable)
        } else {
            self.column(column)
        }
    }

    /// The type of an argument; `lifetime` is empty or `'a`.
    pub(super) fn argument(&self, parameter: &Resolved, lifetime: &str) -> String {
        match parameter.role {
            Role::Value => self.value(parameter, lifetime),
            Role::Sort if parameter.nullable => optional(self.sort(parameter), true),
            Role::Sort => format!("impl ::core::convert::Into<{}>", self.sort(parameter)),
            Role::Patch => {
                let value = Resolved {
                    nullable: false,
                    ..parameter.clone()
                };
                let value = self.value(&value, lifetime);
                if parameter.nullable {
                    format!("{}::d1::Patch<{value}>", self.krate)
                } else {
                    optional(value, true)
                }
            }
        }
    }

    /// The type of an argument that chooses the sort order.
    pub(super) fn sort(&self, parameter: &Resolved) -> String {
        let by = self.spell(|paths| parameter.scalar.owned(paths));
        format!("{}::d1::Sort<{by}>", self.krate)
    }

    /// The type of an argument that is a value.
    fn value(&self, parameter: &Resolved, lifetime: &str) -> String {
        match (&parameter.as_type, parameter.list) {
            (Some(ty), true) => optional(format!("&[{ty}]"), parameter.nullable),
            (Some(ty), false) => optional(ty.clone(), parameter.nullable),
            // The type of `None` would be unknown if it were generic.
            (None, true) if parameter.nullable => {
                let item = self.spell(|paths| parameter.scalar.borrowed(paths, ""));
                optional(format!("&[{item}]"), true)
            }
            (None, true) => self.spell(|paths| parameter.scalar.slice(paths)),
            (None, false) => {
                let ty = self.spell(|paths| parameter.scalar.borrowed(paths, lifetime));
                optional(ty, parameter.nullable)
            }
        }
    }
}

pub(super) fn optional(ty: String, nullable: bool) -> String {
    if nullable {
        format!("::core::option::Option<{ty}>")
    } else {
        ty
    }
}
