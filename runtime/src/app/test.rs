//! What the tests of both backends share.

use std::fmt::Debug;

use super::{Application, Context, Environment};
use crate::backend::log_line;
use crate::error::ServerErrorText;
use crate::http::{Request, Response};
use crate::observe::{Gate, Measures, Scope};

/// Responds to a request of a test as a server would, with an event for observers.
pub(crate) async fn respond<A: Application>(
    env: A::Env,
    mut request: Request,
    context: Context,
) -> Response {
    request.extensions_mut().insert(context.clone());
    let caller = request.headers().get("traceparent");
    let caller = caller.and_then(|caller| caller.to_str().ok());
    let scope = Scope::new(&context, caller.map(str::to_owned));

    let gate = Gate::of_handler("", env.backend().observers());
    let handler = gate.handle("fetch", A::fetch(request, env, context), |response| {
        let measures = Measures {
            status: Some(response.status().as_u16()),
            ..Measures::default()
        };
        (None, measures)
    });
    let response = scope.run(handler).await;

    if let Some(ServerErrorText(text)) = response.extensions().get() {
        log_line(&format!("error: {text}"));
    }
    response
}

/// A type that a test can return.
#[doc(hidden)]
pub trait TestOutcome {
    /// Returns the text of the error.
    fn failure(self) -> Option<String>;
}

impl TestOutcome for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E: Debug> TestOutcome for Result<(), E> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| format!("{error:?}"))
    }
}

/// The variables and secrets that a test sets, by name.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct TestOptions {
    pub vars: Vec<(&'static str, serde_json::Value)>,
    pub secrets: Vec<(&'static str, String)>,
}
