//! Sets of databases with one schema.

use proc_macro2::TokenStream;
use quote::quote;

use crate::manifest::Shards;
use crate::model::Bound;

/// The statement that opens the databases of a set.
pub(super) fn open(bound: &Bound, shards: &Shards) -> TokenStream {
    let field = bound.name.field_ident();
    let members = shards.members.iter().map(|member| &member.value);
    let joining = shards.joining.iter().map(|member| &member.value);
    let key = shards.key.iter().filter_map(|(table, column)| {
        // As the schema spells them.
        let table = bound.database.as_ref()?.catalog.table(&table.value)?;
        let mut columns = table.columns.iter();
        let column = columns.find(|known| known.name.eq_ignore_ascii_case(&column.value))?;
        let (table, column) = (&table.name, &column.name);
        Some(quote!((#table, #column)))
    });

    let open = if bound.optional {
        quote!(open_optional_shards)
    } else {
        quote!(open_shards)
    };
    quote! {
        let #field = connector.#open(&[#(#members),*], &[#(#joining),*], &[#(#key),*]);
    }
}
