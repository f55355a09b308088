//! Requests to other servers, through `reqwest`. In a test, the test responds.

mod servers;

use std::pin::pin;
use std::sync::LazyLock;
use std::time::Duration;

use futures_util::future::{Either, select};
use reqwest::{Client, redirect};

use crate::error::{ErrorKind, Failure};
use crate::http::{Body, DrainableBody, FetchOptions, Redirect, Request, Response, no_response};

use super::{clock, world};

pub(super) use servers::{FutureResponse, Servers};

/// The redirects that are followed, as in a browser.
const REDIRECTS: usize = 20;

/// The time in which a connection has to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// A client that follows redirects, and one that does not.
struct Clients {
    following: Client,
    manual: Client,
}

impl Clients {
    fn new() -> reqwest::Result<Self> {
        // Fails if the program has chosen another provider, which is then used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = |policy| {
            Client::builder()
                .redirect(policy)
                .connect_timeout(CONNECT_TIMEOUT)
                .build()
        };
        Ok(Self {
            following: client(redirect::Policy::limited(REDIRECTS))?,
            manual: client(redirect::Policy::none())?,
        })
    }
}

/// Sends a request to another server.
pub(crate) async fn send_request(
    request: Request,
    options: FetchOptions,
) -> Result<Response, Failure> {
    static CLIENTS: LazyLock<reqwest::Result<Clients>> = LazyLock::new(Clients::new);

    let Some(world) = world::current() else {
        let clients = CLIENTS.as_ref().map_err(no_client)?;
        return send(clients, request, &options).await;
    };
    if let Some(response) = world.servers.find(&request) {
        return respond(response(request), options.timeout).await;
    }
    if world.servers.allows_network() {
        // The connections of a client belong to the runtime of one test.
        let clients = Clients::new().map_err(|error| no_client(&error))?;
        return send(&clients, request, &options).await;
    }

    Err(no_response(&request))
}

/// The response of a test.
async fn respond(response: FutureResponse, timeout: Option<Duration>) -> Result<Response, Failure> {
    let Some(timeout) = timeout else {
        return Ok(response.await);
    };
    // The clock of the test.
    match select(response, pin!(clock::sleep(timeout))).await {
        Either::Left((response, _)) => Ok(response),
        Either::Right(_) => {
            let message = "the server did not respond in time";
            Err(Failure::new(ErrorKind::Timeout, message))
        }
    }
}

async fn send(
    clients: &Clients,
    request: Request,
    options: &FetchOptions,
) -> Result<Response, Failure> {
    let client = match options.redirect {
        Redirect::Follow => &clients.following,
        Redirect::Manual | Redirect::Error => &clients.manual,
    };
    let request = request.map(|body| reqwest::Body::wrap(DrainableBody::new(body)));
    let mut request = reqwest::Request::try_from(request).map_err(failure)?;
    *request.timeout_mut() = options.timeout;
    let response = client.execute(request).await.map_err(failure)?;
    Ok(http::Response::from(response).map(Body::new))
}

/// The failure of a request without a response. The URL can contain a secret, so it is left out.
fn failure(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let (kind, message) = if error.is_timeout() {
        (ErrorKind::Timeout, "the server did not respond in time")
    } else if error.is_builder() {
        (ErrorKind::InvalidArgument, "the request is not valid")
    } else if error.is_redirect() {
        (ErrorKind::Denied, "the server redirects too often")
    } else if error.is_connect() {
        (ErrorKind::Unavailable, "the server cannot be reached")
    } else {
        (
            ErrorKind::Unavailable,
            "the connection to the server failed",
        )
    };
    Failure::because(kind, message, error)
}

fn no_client(error: &reqwest::Error) -> Failure {
    let message = format!("the HTTP client cannot start: {error}");
    Failure::new(ErrorKind::Internal, message)
}
