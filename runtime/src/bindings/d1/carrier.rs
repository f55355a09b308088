//! How a bookmark travels between the requests of a client.

use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};

use super::session::{Bookmark, Database, Session, SessionStart};

/// How a bookmark travels from the response of one request to the next request of the same client,
/// which then sees its own writes: in a cookie, or in a header.
///
/// # Examples
/// ```
/// # use bindery::d1::{Database, Session};
/// # use bindery::{Request, Response};
/// # trait WithSession: Database {
/// #     fn with_session(&self, start: &bindery::d1::SessionStart)
/// #         -> bindery::Result<Session<Self>>;
/// # }
/// # struct Env<D> { db: D }
/// # async fn routes<D>(env: Env<D>, request: Request) -> Response { Response::default() }
/// use bindery::d1::BookmarkCarrier;
///
/// const CARRIER: BookmarkCarrier = BookmarkCarrier::cookie("d1-bookmark");
///
/// # async fn fetch<D: WithSession>(
/// #     request: Request,
/// #     mut env: Env<D>,
/// # ) -> bindery::Result<Response> {
/// let session = env.db.with_session(&CARRIER.read(request.headers()))?;
/// env.db = session.database().clone();
/// let mut response = routes(env, request).await;
/// CARRIER.write(&session, response.headers_mut());
/// Ok(response)
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct BookmarkCarrier {
    name: &'static str,
    is_cookie: bool,
}

impl BookmarkCarrier {
    /// A cookie with a name. It has no secret, but pages need not read it: it is `HttpOnly`.
    #[must_use]
    pub const fn cookie(name: &'static str) -> Self {
        Self {
            name,
            is_cookie: true,
        }
    }

    /// A header of requests and responses with a name in lower case, for clients that are not
    /// browsers.
    #[must_use]
    pub const fn header(name: &'static str) -> Self {
        Self {
            name,
            is_cookie: false,
        }
    }

    /// Returns where a session starts for a request: after its bookmark, or unconstrained if it has
    /// none.
    #[must_use]
    pub fn read(&self, headers: &HeaderMap) -> SessionStart {
        let text = if self.is_cookie {
            let lines = headers.get_all(COOKIE).iter();
            let mut pairs = lines
                .filter_map(|line| line.to_str().ok())
                .flat_map(|line| line.split(';'))
                .filter_map(|pair| pair.trim().split_once('='));
            pairs
                .find(|(name, _)| *name == self.name)
                .map(|(_, value)| value)
        } else {
            headers.get(self.name).and_then(|value| value.to_str().ok())
        };
        text.and_then(Bookmark::parse).into()
    }

    /// Adds the bookmark of a session to the headers of the response. Does nothing if no query of
    /// the session has run.
    pub fn write<D: Database>(&self, session: &Session<D>, headers: &mut HeaderMap) {
        let Some(bookmark) = session.bookmark() else {
            return;
        };
        let name = self.name;
        let (header, text) = if self.is_cookie {
            let cookie = format!("{name}={bookmark}; Path=/; HttpOnly; SameSite=Lax");
            (Ok(SET_COOKIE), cookie)
        } else {
            (HeaderName::try_from(name), bookmark.to_string())
        };
        if let (Ok(header), Ok(value)) = (header, HeaderValue::try_from(text)) {
            headers.append(header, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::BookmarkCarrier;
    use crate::d1::SessionStart;

    #[test]
    fn bookmarks_of_requests() {
        let read = |carrier: BookmarkCarrier, name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            match carrier.read(&headers) {
                SessionStart::Bookmark(bookmark) => bookmark.as_str().to_owned(),
                start => format!("{start:?}"),
            }
        };
        let cookie = BookmarkCarrier::cookie("d1");
        assert_eq!(read(cookie, "cookie", "a=b; d1=00-01; c"), "00-01");
        assert_eq!(read(cookie, "cookie", "xd1=00-01"), "Unconstrained");
        assert_eq!(read(cookie, "cookie", "d1=first-primary"), "Unconstrained");
        assert_eq!(read(cookie, "d1", "00-01"), "Unconstrained");
        let header = BookmarkCarrier::header("x-bookmark");
        assert_eq!(read(header, "x-bookmark", "00-01"), "00-01");
        assert_eq!(read(header, "x-bookmark", "\"00-01\""), "Unconstrained");
    }
}
