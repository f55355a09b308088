//! The manifest as the native backend needs it: each environment with its resources.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::quote;

use super::{Target, runtime_type};
use crate::manifest::cron::{self, Days, Schedule, Weekdays};
use crate::manifest::{Binding, Consumer, D1, Environment, FILE, Var};
use crate::model::{Bound, Database, Project};

/// The bindings by their names in the manifest.
type BoundByName<'a> = HashMap<&'a str, &'a Bound>;

/// The manifest. On Workers the platform reads it, so there the list of environments is empty.
pub(super) fn manifest(project: &Project, target: &Target) -> TokenStream {
    let krate = &target.krate;
    let folder = &target.base;
    let bound = project.bindings.iter();
    let bound = bound
        .flat_map(|bound| bound.sources().map(move |source| (source, bound)))
        .collect();
    let environments = project.manifest.environments.iter();
    let environments =
        environments.map(|environment| self::environment(&bound, environment, target));

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

fn environment(bound: &BoundByName<'_>, environment: &Environment, target: &Target) -> TokenStream {
    let krate = &target.krate;
    let name = environment
        .name
        .as_ref()
        .map_or("", |name| name.value.as_str());
    let worker = environment.worker.as_deref().unwrap_or("worker");
    let bindings = environment.bindings.iter();
    let resources = bindings.filter_map(|binding| resource(bound, binding, target));
    let consumers = environment
        .consumers
        .iter()
        .map(|consumer| self::consumer(consumer, target));
    let crons = environment.crons.iter().filter_map(|text| {
        let schedule = schedule(cron::parse(&text.value).ok()?, target);
        let text = &text.value;
        Some(quote!((#text, #schedule)))
    });
    let vars = environment.vars.iter().map(|Var { name, json, .. }| {
        let name = &name.value;
        quote!((#name, #json))
    });

    let assets = environment
        .assets
        .iter()
        .map(|(key, value)| quote!((#key, #value)));

    quote! {
        #krate::__private::EnvironmentManifest {
            name: #name,
            worker: #worker,
            resources: &[#(#resources),*],
            consumers: &[#(#consumers),*],
            crons: &[#(#crons),*],
            vars: &[#(#vars),*],
            assets: &[#(#assets),*],
        }
    }
}

fn resource(bound: &BoundByName<'_>, binding: &Binding, target: &Target) -> Option<TokenStream> {
    let krate = &target.krate;
    let name = &binding.name.value;
    let bound = bound.get(name.as_str())?;
    let runtime_type = runtime_type(bound, target);
    let title = binding.resource.kind.definition().title.name;
    let settings = binding
        .resource
        .settings
        .iter()
        .map(|(key, value)| quote!((#key, #value)));
    let content = content(binding, bound.database.as_ref(), target);

    Some(quote! {
        #krate::__private::Resource {
            binding: #name,
            kind: <#runtime_type as #krate::__private::Connect>::KIND,
            title: #title,
            settings: &[#(#settings),*],
            content: #content,
        }
    })
}

/// The files that belong to a resource.
fn content(binding: &Binding, database: Option<&Database>, target: &Target) -> TokenStream {
    let krate = &target.krate;
    let resource = &binding.resource;
    if let (Some(d1), Some(database)) = (resource.d1(), database) {
        return database_content(d1, database, target);
    }

    match resource.setting(FILE) {
        Some(file) if resource.kind.definition().hooks.embeds_file => {
            let path = target.path(&format!("{}{file}", target.base));
            quote!(#krate::__private::Content::Blob(::core::include_bytes!(#path)))
        }
        _ => quote!(#krate::__private::Content::None),
    }
}

/// The migrations of a database in the environment that `d1` is from.
pub(super) fn database_content(d1: &D1, database: &Database, target: &Target) -> TokenStream {
    let krate = &target.krate;
    let migrations_table = &d1.migrations_table;
    let variant = database
        .variants
        .iter()
        .find(|(variant, _)| variant.schema_key() == d1.schema_key());
    let catalog = variant.map_or(&database.catalog, |(_, catalog)| catalog);
    let migrations = catalog.migrations.iter().map(|migration| {
        let name = &migration.name;
        let path = target.path(&format!("{}{}/{name}", target.base, d1.folder()));
        quote!((#name, ::core::include_str!(#path)))
    });
    let baseline = match &database.baseline {
        Some(baseline) => {
            let path = target.path(&format!("{}{baseline}", target.base));
            quote!(::core::include_str!(#path))
        }
        None => quote!(""),
    };

    quote! {
        #krate::__private::Content::Database {
            migrations_table: #migrations_table,
            baseline: #baseline,
            migrations: &[#(#migrations),*],
        }
    }
}

fn schedule(schedule: Schedule, target: &Target) -> TokenStream {
    let krate = &target.krate;
    let private = quote!(#krate::__private);
    let Schedule {
        minutes,
        hours,
        days,
        months,
        weekdays,
    } = schedule;

    let days = match days {
        Days::Any => quote!(Any),
        Days::Set(days) => quote!(Set(#days)),
        Days::Last { before } => quote!(Last { before: #before }),
        Days::NearestToLast { before } => quote!(NearestToLast { before: #before }),
        Days::Nearest(day) => quote!(Nearest(#day)),
    };
    let weekdays = match weekdays {
        Weekdays::Any => quote!(Any),
        Weekdays::Set(days) => quote!(Set(#days)),
        Weekdays::Last(day) => quote!(Last(#day)),
        Weekdays::Nth(day, number) => quote!(Nth(#day, #number)),
    };
    quote! {
        #private::Schedule {
            minutes: #minutes,
            hours: #hours,
            days: #private::Days::#days,
            months: #months,
            weekdays: #private::Weekdays::#weekdays,
        }
    }
}

fn consumer(consumer: &Consumer, target: &Target) -> TokenStream {
    let krate = &target.krate;
    let Consumer {
        max_batch_size,
        max_batch_timeout,
        max_retries,
        retry_delay,
        max_concurrency,
        ..
    } = consumer;
    let queue = &consumer.queue.value;
    let dead_letter_queue = match &consumer.dead_letter_queue {
        Some(queue) => quote!(::core::option::Option::Some(#queue)),
        None => quote!(::core::option::Option::None),
    };

    quote! {
        #krate::__private::Consumer {
            queue: #queue,
            max_batch_size: #max_batch_size,
            max_batch_timeout: #max_batch_timeout,
            max_retries: #max_retries,
            retry_delay: #retry_delay,
            dead_letter_queue: #dead_letter_queue,
            max_concurrency: #max_concurrency,
        }
    }
}
