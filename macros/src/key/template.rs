//! The template of a key, such as `"file:{user}:{id}"`, and the code that it generates.

use bindery_codegen::report::{Code, suggestion};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Field, Fields, LitStr, Type, Visibility};

use crate::project;

/// The limit of a kind of key.
pub(super) struct Limit {
    /// The maximum number of bytes.
    pub(super) bytes: usize,
    /// The page that it comes from.
    pub(super) page: &'static str,
}

/// A template: a text, and fields with the text after each of them.
pub(super) struct Template {
    lead: String,
    parts: Vec<Part>,
}

/// A field in a template.
struct Part {
    field: Ident,
    ty: Type,
    after: String,
}

impl Template {
    /// Reads the template of a struct, and checks it against the fields.
    pub(super) fn new(
        input: &DeriveInput,
        key: &LitStr,
        derive: &str,
        limit: &Limit,
    ) -> Result<Self, TokenStream> {
        let error =
            |message: &str, help: &str| project::error(key.span(), Code::Attribute, message, help);
        let fields = fields(input, derive)?;
        let names: Vec<String> = fields.iter().map(name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let text = key.value();

        let mut template = Self {
            lead: String::new(),
            parts: Vec::new(),
        };
        let mut rest = text.as_str();
        while let Some(open) = rest.find('{') {
            let Some(length) = rest[open..].find('}') else {
                return Err(error("a `{` in the key has no `}`", "write `{field}`"));
            };
            let close = open + length;
            let field = &rest[open + 1..close];
            let Some(index) = names.iter().position(|name| *name == field) else {
                let message = format!("`{}` has no field `{field}`", input.ident);
                return Err(error(&message, &suggestion(field, "fields", &names)));
            };

            template.add_text(&rest[..open]);
            if let Some(before) = template.parts.last().filter(|part| part.after.is_empty()) {
                let message = format!("`{{{}}}{{{field}}}` has no separator", before.field);
                let help = format!("write `{{{}}}:{{{field}}}`", before.field);
                return Err(error(&message, &help));
            }
            template.parts.push(Part {
                field: format_ident!("{field}"),
                ty: fields[index].ty.clone(),
                after: String::new(),
            });
            rest = &rest[close + 1..];
        }
        template.add_text(rest);

        let is_used = |name: &str| template.parts.iter().any(|part| part.field == name);
        if let Some(unused) = names.iter().find(|name| !is_used(name)) {
            let message = format!("the field `{unused}` is not in the key");
            let help = format!(
                "write `{text}:{{{unused}}}`: otherwise two values with different fields share a key"
            );
            return Err(error(&message, &help));
        }
        template.check_length(key.span(), limit)?;
        Ok(template)
    }

    fn add_text(&mut self, text: &str) {
        let last = self.parts.last_mut().map(|part| &mut part.after);
        last.unwrap_or(&mut self.lead).push_str(text);
    }

    fn check_length(&self, span: Span, limit: &Limit) -> Result<(), TokenStream> {
        let texts = self.parts.iter().map(|part| part.after.len());
        let length = self.lead.len() + texts.sum::<usize>();
        if length <= limit.bytes && (length > 0 || !self.parts.is_empty()) {
            return Ok(());
        }
        let message = format!("a key has 1 to {} bytes", limit.bytes);
        let help = format!("see {}", limit.page);
        Err(project::error(span, Code::ManifestLimit, &message, &help))
    }

    /// The expression of a key's name.
    pub(super) fn name(&self, krate: &TokenStream) -> TokenStream {
        if self.parts.is_empty() {
            let lead = &self.lead;
            return quote!(::std::borrow::Cow::Borrowed(#lead));
        }
        let value = |part: &Part| {
            let field = &part.field;
            quote!(&self.#field)
        };
        let text = self.format(krate, self.parts.len(), value);
        quote!(::std::borrow::Cow::Owned(#text))
    }

    /// The text up to the end of the first `count` parts.
    ///
    /// A field that is not the last one must not contain the separator: otherwise ("a", "b:c") and
    /// ("a:b", "c") were the same key.
    fn format(
        &self,
        krate: &TokenStream,
        count: usize,
        value: impl Fn(&Part) -> TokenStream,
    ) -> TokenStream {
        let escape = |text: &str| text.replace('{', "{{").replace('}', "}}");
        let mut format = escape(&self.lead);
        let mut values = Vec::new();
        for (index, part) in self.parts[..count].iter().enumerate() {
            format.push_str("{}");
            format.push_str(&escape(&part.after));
            let value = value(part);
            values.push(match self.separator(index) {
                Some(separator) => quote!(#krate::__private::KeyPart(#value, #separator)),
                None => value,
            });
        }
        quote!(::std::format!(#format, #(#values),*))
    }

    /// The first character of the text after a part, if another part follows.
    fn separator(&self, index: usize) -> Option<char> {
        let is_last = index + 1 == self.parts.len();
        let after = self.parts[index].after.chars().next();
        after.filter(|_| !is_last)
    }

    /// The functions that return prefixes: of all keys, and of those that share leading fields.
    pub(super) fn prefixes(
        &self,
        krate: &TokenStream,
        visibility: &Visibility,
        prefix: &TokenStream,
    ) -> TokenStream {
        let lead = &self.lead;
        let mut functions = quote! {
            /// The names of all keys of this type.
            #[must_use]
            #[allow(dead_code)]
            #visibility fn prefix() -> #prefix {
                <#prefix>::new(#lead)
            }
        };

        for count in 1..self.parts.len() {
            let leading = &self.parts[..count];
            let names: Vec<String> = leading.iter().map(|part| part.field.to_string()).collect();
            let ident = format_ident!("prefix_by_{}", names.join("_and_"));
            let arguments = leading.iter().map(|part| {
                let (field, ty) = (&part.field, borrowed(&part.ty));
                quote!(#field: #ty)
            });
            let text = self.format(krate, count, |part| {
                let field = &part.field;
                quote!(&#field)
            });
            let docs = format!(
                "The names of the keys with this `{}`.",
                names.join("` and `")
            );
            functions.extend(quote! {
                #[doc = #docs]
                #[must_use]
                #[allow(dead_code)]
                #visibility fn #ident(#(#arguments),*) -> #prefix {
                    <#prefix>::new(#text)
                }
            });
        }
        functions
    }

    /// The body of a function that reads a key from `__name`. `None` if a field occurs twice.
    /// `name` is the name of `__key`.
    pub(super) fn parse(&self, krate: &TokenStream, name: &TokenStream) -> Option<TokenStream> {
        let lead = &self.lead;
        let (mut reads, mut fields) = (TokenStream::new(), Vec::new());
        for (index, part) in self.parts.iter().enumerate() {
            let (field, ty, after) = (&part.field, &part.ty, &part.after);
            if self.parts[..index]
                .iter()
                .any(|other| other.field == *field)
            {
                return None;
            }
            let local = format_ident!("__field_{field}");
            let read = match self.separator(index) {
                Some(separator) => quote_spanned!(ty.span()=> __reader.field::<#ty>(#separator)?),
                None => quote_spanned!(ty.span()=> __reader.last::<#ty>(#after)?),
            };
            reads.extend(quote!(let #local = #read;));
            if self.separator(index).is_some() {
                reads.extend(quote!(__reader.literal(#after)?;));
            }
            fields.push(quote!(#field: #local));
        }

        Some(quote! {
            let mut __reader = #krate::__private::NameReader::new(__name);
            __reader.literal(#lead)?;
            #reads
            __reader.finish(Self { #(#fields),* }, |__key| #name == *__name)
        })
    }
}

/// The type of an argument for a field.
fn borrowed(ty: &Type) -> TokenStream {
    match ty {
        Type::Reference(_) => quote!(#ty),
        Type::Path(path) if path.path.is_ident("String") => quote!(&::core::primitive::str),
        _ => quote!(&#ty),
    }
}

fn name(field: &Field) -> String {
    field
        .ident
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// The fields of a key.
fn fields(input: &DeriveInput, derive: &str) -> Result<Vec<Field>, TokenStream> {
    let error = |message: &str, help: &str| {
        let span = input.ident.span();
        Err(project::error(span, Code::Attribute, message, help))
    };
    let Data::Struct(data) = &input.data else {
        let message = format!("`{derive}` needs a struct");
        return error(
            &message,
            "write a struct with a field for each part of the key",
        );
    };

    match &data.fields {
        Fields::Named(fields) => Ok(fields.named.iter().cloned().collect()),
        Fields::Unit => Ok(Vec::new()),
        Fields::Unnamed(_) => error(
            "the fields of a key must have names",
            "write `struct Key { id: i64 }`",
        ),
    }
}
