//! What the native backend needs to stand in for the platform: each environment, with all that it binds.

use proc_macro2::TokenStream;
use quote::quote;

use super::Site;
use crate::manifest::{Consumer, D1, Kind, Layer, Other, Var};
use crate::model::{Database, Project};

/// The manifest of a project. On Workers the platform knows all of it.
pub(super) fn manifest(project: &Project, site: &Site) -> TokenStream {
    let krate = &site.krate;
    let folder = &site.base;
    let environments = project
        .manifest
        .layers
        .iter()
        .map(|layer| environment(project, layer, site));
    quote! {
        #krate::__private::Manifest {
            folder: #folder,
            #[cfg(not(target_arch = "wasm32"))]
            environments: &[#(#environments),*],
            #[cfg(target_arch = "wasm32")]
            environments: &[],
        }
    }
}

fn environment(project: &Project, layer: &Layer, site: &Site) -> TokenStream {
    let krate = &site.krate;
    let resources = layer.bindings.iter().map(|binding| {
        let name = &binding.name.value;
        let resource = match &binding.kind {
            Kind::Kv(_) => quote!(#krate::__private::Resource::Kv),
            Kind::D1(d1) => database(name, d1, project.database(name), site),
            Kind::R2(r2) => {
                let bucket = r2.bucket_name.as_ref().unwrap_or(name);
                quote!(#krate::__private::Resource::R2 { bucket: #bucket })
            }
            Kind::Queue(queue) => {
                let queue = queue.queue.as_ref().unwrap_or(name);
                quote!(#krate::__private::Resource::Queue { queue: #queue })
            }
            Kind::Other(bound) => other(bound, site),
        };
        quote!((#name, #resource))
    });
    let consumers = layer
        .consumers
        .iter()
        .map(|consumer| self::consumer(consumer, site));
    let vars = layer.vars.iter().map(|Var { name, json, .. }| {
        let name = &name.value;
        quote!((#name, #json))
    });
    let environment = layer
        .environment
        .as_ref()
        .map_or("", |name| name.value.as_str());
    let worker = layer.worker.as_deref().unwrap_or("worker");
    quote! {
        #krate::__private::EnvironmentManifest {
            environment: #environment,
            worker: #worker,
            resources: &[#(#resources),*],
            consumers: &[#(#consumers),*],
            vars: &[#(#vars),*],
        }
    }
}

/// A database of an environment: the migrations are those that make it there.
fn database(binding: &str, d1: &D1, database: Option<&Database>, site: &Site) -> TokenStream {
    let krate = &site.krate;
    let name = d1.database_name.as_deref().unwrap_or(binding);
    let ledger = &d1.migrations_table;
    let catalog = database.map(|database| {
        let own = database
            .variants
            .iter()
            .find(|(variant, _)| variant.made_by() == d1.made_by());
        own.map_or(&database.catalog, |(_, catalog)| catalog)
    });
    let migrations = catalog
        .iter()
        .flat_map(|catalog| &catalog.migrations)
        .map(|migration| {
            let name = &migration.name;
            let path = site.path(&format!("{}{}/{}", site.base, d1.folder(), migration.name));
            quote!((#name, ::core::include_str!(#path)))
        });
    let baseline = database
        .and_then(|database| database.baseline.as_ref())
        .map(|baseline| {
            let path = site.path(&format!("{}{baseline}", site.base));
            quote!(::core::include_str!(#path))
        });
    let baseline = baseline.unwrap_or_else(|| quote!(""));
    quote! {
        #krate::__private::Resource::D1 {
            database: #name,
            ledger: #ledger,
            baseline: #baseline,
            migrations: &[#(#migrations),*],
        }
    }
}

fn other(bound: &Other, site: &Site) -> TokenStream {
    let krate = &site.krate;
    let (key, title) = (bound.row.key, bound.row.title);
    let settings = bound
        .settings
        .iter()
        .map(|(key, value)| quote!((#key, #value)));
    let file = bound
        .setting("file")
        .filter(|_| ["text_blobs", "data_blobs"].contains(&bound.row.key));
    let file = match file {
        Some(file) => {
            let path = site.path(&format!("{}{file}", site.base));
            quote!(::core::include_bytes!(#path))
        }
        None => quote!(&[]),
    };
    quote!(#krate::__private::Resource::Other { key: #key, title: #title, settings: &[#(#settings),*], file: #file })
}

fn consumer(consumer: &Consumer, site: &Site) -> TokenStream {
    let krate = &site.krate;
    let queue = &consumer.queue.value;
    let (size, timeout) = (consumer.max_batch_size, consumer.max_batch_timeout);
    let (retries, delay) = (consumer.max_retries, consumer.retry_delay);
    let dead_letters = match &consumer.dead_letter_queue {
        Some(queue) => quote!(::core::option::Option::Some(#queue)),
        None => quote!(::core::option::Option::None),
    };
    quote! {
        #krate::__private::Consumer {
            queue: #queue,
            max_batch_size: #size,
            max_batch_timeout: #timeout,
            max_retries: #retries,
            retry_delay: #delay,
            dead_letter_queue: #dead_letters,
        }
    }
}
