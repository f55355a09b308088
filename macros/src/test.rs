//! `#[bindery::test]`

use bindery_codegen::report::code;
use proc_macro2::TokenStream;
use quote::quote;
use syn::ItemFn;

use crate::project;

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let krate = if attribute.is_empty() {
        quote!(::bindery)
    } else {
        attribute.into_iter().skip(2).collect()
    };
    let function: ItemFn = match syn::parse2(item) {
        Ok(function) => function,
        Err(error) => return error.to_compile_error(),
    };
    let ident = &function.sig.ident;
    if function.sig.asyncness.is_none() || function.sig.inputs.len() != 1 {
        let help = format!("write `async fn {ident}(env: Env)`");
        return project::error(
            ident.span(),
            code::ATTRIBUTE,
            "a test is an async function that takes the environment",
            &help,
        );
    }
    let attributes = &function.attrs;
    let mut inner = function.clone();
    inner.attrs.clear();
    quote! {
        #[cfg(not(target_arch = "wasm32"))]
        #[::core::prelude::v1::test]
        #(#attributes)*
        fn #ident() {
            #inner
            #krate::__private::test(#ident)
        }
    }
}
