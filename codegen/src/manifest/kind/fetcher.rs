//! The kinds that answer requests.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{
    BINDING, Key, REMOTE, SINGLE, Scope::*, Shape::*, optional, required,
};
use crate::manifest::table::{Table, check_one_of};
use crate::report::Errors;

const FETCHER: RuntimeType = RuntimeType::new("fetcher", "Fetcher");

pub(super) const SERVICE: Definition = Definition {
    key: "services",
    title: Title::new("a", "service binding"),
    form: Form::List,
    grammar: Key::new(
        "services",
        Own,
        List(&Table(&[
            BINDING,
            required("service", Text),
            optional("entrypoint", Text),
            optional("props", Map(&Json)),
            REMOTE,
        ])),
    ),
    runtime: FETCHER,
    typescript: TypeScript::Of(|service| {
        let name = service.setting("service").unwrap_or_default();
        match service.setting("entrypoint") {
            Some(entrypoint) => format!("Service /* entrypoint {entrypoint} from {name} */"),
            None => format!("Fetcher /* {name} */"),
        }
    }),
    native: Native::Unsupported,
    identifier: None,
    hooks: Hooks {
        is_public: |key| key != "props",
        ..Hooks::DEFAULT
    },
};

pub(super) const ASSETS: Definition = Definition {
    key: "assets",
    title: Title::new("", "static assets"),
    form: Form::Single,
    grammar: Key::new(
        "assets",
        Inherited,
        Table(&[
            optional("directory", Text),
            // Assets can be served without a binding.
            optional("binding", Name),
            optional(
                "html_handling",
                Word(&[
                    "auto-trailing-slash",
                    "force-trailing-slash",
                    "drop-trailing-slash",
                    "none",
                ]),
            ),
            optional(
                "not_found_handling",
                Word(&["single-page-application", "404-page", "none"]),
            ),
            optional("base_path", Text),
            optional("run_worker_first", Either(&[List(&Text), Flag])),
        ]),
    ),
    runtime: FETCHER,
    typescript: TypeScript::Name("Fetcher"),
    native: Native::Full,
    identifier: None,
    hooks: Hooks::DEFAULT,
};

pub(super) const BROWSER: Definition = Definition {
    key: "browser",
    title: Title::new("", "Browser Rendering"),
    form: Form::Single,
    grammar: Key::new("browser", Own, SINGLE),
    runtime: FETCHER,
    typescript: TypeScript::Name("BrowserRun"),
    native: Native::Unsupported,
    identifier: None,
    hooks: Hooks::DEFAULT,
};

pub(super) const MTLS_CERTIFICATE: Definition = Definition {
    key: "mtls_certificates",
    title: Title::new("an", "mTLS certificate"),
    form: Form::List,
    grammar: Key::new(
        "mtls_certificates",
        Own,
        List(&Table(&[BINDING, required("certificate_id", Text), REMOTE])),
    ),
    runtime: FETCHER,
    typescript: TypeScript::Name("Fetcher"),
    native: Native::Unsupported,
    identifier: None,
    hooks: Hooks {
        check: |errors, table| {
            table.filled(errors, "certificate_id");
        },
        ..Hooks::DEFAULT
    },
};

pub(super) const VPC_SERVICE: Definition = Definition {
    key: "vpc_services",
    title: Title::new("a", "VPC service"),
    form: Form::List,
    grammar: Key::new(
        "vpc_services",
        Own,
        List(&Table(&[BINDING, required("service_id", Text), REMOTE])),
    ),
    runtime: FETCHER,
    typescript: TypeScript::Name("Fetcher"),
    native: Native::Unsupported,
    identifier: None,
    hooks: Hooks::DEFAULT,
};

pub(super) const VPC_NETWORK: Definition = Definition {
    key: "vpc_networks",
    title: Title::new("a", "VPC network"),
    form: Form::List,
    grammar: Key::new(
        "vpc_networks",
        Own,
        List(&Table(&[
            BINDING,
            optional("tunnel_id", Text),
            optional("network_id", Text),
            REMOTE,
        ])),
    ),
    runtime: FETCHER,
    typescript: TypeScript::Name("Fetcher"),
    native: Native::Unsupported,
    identifier: None,
    hooks: Hooks {
        check: tunnel_or_network,
        ..Hooks::DEFAULT
    },
};

fn tunnel_or_network(errors: &mut Errors, table: &Table<'_>) {
    check_one_of(errors, table, ["tunnel_id", "network_id"], false);
}
