//! `#[bindery::test]`

use bindery_codegen::report::Code;
use proc_macro2::TokenStream;
use quote::quote;
use syn::ItemFn;

use crate::{attributes, project};

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand_checked(attribute, item).unwrap_or_else(|errors| errors)
}

fn expand_checked(attribute: TokenStream, item: TokenStream) -> Result<TokenStream, TokenStream> {
    let mut entries = attributes::parse(attribute)?;
    let krate = attributes::take_crate(&mut entries);
    attributes::refuse_rest(&entries, &["crate"])?;

    let function: ItemFn = syn::parse2(item).map_err(|error| error.to_compile_error())?;
    let ident = &function.sig.ident;
    if function.sig.asyncness.is_none() || function.sig.inputs.len() != 1 {
        let message = "a test is an async function with the environment as its argument";
        let help = format!("write `async fn {ident}(env: Env)`");
        return Err(project::error(
            ident.span(),
            Code::Attribute,
            message,
            &help,
        ));
    }

    let attributes = &function.attrs;
    let mut inner = function.clone();
    inner.attrs.clear();
    Ok(quote! {
        #[cfg(not(target_arch = "wasm32"))]
        #[::core::prelude::v1::test]
        #(#attributes)*
        fn #ident() {
            #inner
            #krate::__private::test(#ident)
        }
    })
}
