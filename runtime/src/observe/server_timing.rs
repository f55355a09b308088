//! The durations of the calls of a request, in a header of its response.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{Event, Observer, Scope};
use crate::error::Service as Called;
use crate::http::Response;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Adds the header `Server-Timing` to responses, which the developer tools of browsers show: for
/// each service the duration and the number of the calls.
///
/// It is an observer and a layer: install both. Anyone who can send a request can read the header.
/// On Workers a duration is the time of the I/O.
///
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Server-Timing>
///
/// # Examples
/// ```ignore
/// fn start(env: &Env) {
///     env.observe(ServerTiming);
/// }
///
/// fn router(env: Env) -> Router {
///     Router::new().route("/notes", get(notes)).layer(ServerTiming).with_state(env)
/// }
/// ```
///
/// ```text
/// server-timing: d1;dur=12.4;desc="3 calls", kv;dur=1.1;desc="1 call"
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ServerTiming;

/// The calls to one service.
#[derive(Debug)]
pub(super) struct Timing {
    service: Called,
    calls: u32,
    total: Duration,
}

impl Observer for ServerTiming {
    fn record(&self, event: &Event<'_>) {
        if event.service == Called::Worker {
            return;
        }
        let Some(scope) = Scope::current() else {
            return;
        };

        let mut timings = scope.timings();
        match timings
            .iter_mut()
            .find(|timing| timing.service == event.service)
        {
            Some(timing) => {
                timing.calls += 1;
                timing.total += event.duration;
            }
            None => timings.push(Timing {
                service: event.service,
                calls: 1,
                total: event.duration,
            }),
        }
    }
}

/// Returns the value of the header. `None` if there were no calls.
fn header() -> Option<HeaderValue> {
    let scope = Scope::current()?;
    let timings = scope.timings();
    let metrics: Vec<String> = timings
        .iter()
        .map(
            |Timing {
                 service,
                 calls,
                 total,
             }| {
                let name = service.name();
                let milliseconds = total.as_secs_f64() * 1000.0;
                let noun = if *calls == 1 { "call" } else { "calls" };
                format!(r#"{name};dur={milliseconds:.1};desc="{calls} {noun}""#)
            },
        )
        .collect();

    let metrics = Some(metrics.join(", ")).filter(|metrics| !metrics.is_empty())?;
    HeaderValue::try_from(metrics).ok()
}

impl<S> Layer<S> for ServerTiming {
    type Service = ServerTimingService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ServerTimingService(inner)
    }
}

/// A service whose responses have the header `Server-Timing`.
#[derive(Debug, Clone)]
pub struct ServerTimingService<S>(S);

impl<S, R, B> Service<R> for ServerTimingService<S>
where
    S: Service<R, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = WithTiming<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        WithTiming {
            response: self.0.call(request),
        }
    }
}

pin_project! {
    /// A response that receives the header `Server-Timing`.
    #[derive(Debug)]
    pub struct WithTiming<F> {
        #[pin]
        response: F,
    }
}

impl<F, B, E> Future for WithTiming<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut response = ready!(self.project().response.poll(context));
        if let (Ok(response), Some(header)) = (&mut response, header()) {
            response.headers_mut().append(SERVER_TIMING, header);
        }
        Poll::Ready(response)
    }
}
