//! Sessions in KV.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::{Cookie, SameSite};
use http::header::{COOKIE, HeaderMap, HeaderValue};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::backend::log_line;
use crate::bindings::key::Binding;
use crate::error::{Error, ErrorKind, Result};
use crate::kv::{Core, Kv, Stored};
use crate::{random, time};

/// The random bytes of an id.
const ID_BYTES: usize = 32;

/// The bytes of the hash that the keys of a user have.
const USER_BYTES: usize = 16;

/// Sessions of users in a KV namespace, with data of type `T`.
///
/// The id in the cookie is random. KV has only its hash, so nobody can use what is stored there to
/// be somebody else. An id that is not known is never adopted.
///
/// A session ends after an idle time, after its whole lifetime, when it is revoked, or when all
/// sessions of its user are. KV is eventually consistent: another location can see a new session,
/// a change of its data and its end up to a minute late. If two requests save data at the same
/// time, one of them is lost.
///
/// Loading reads three keys with one call, creating writes two. A session that is used is renewed
/// with a write each time that a tenth of its idle time has passed.
///
/// # Examples
/// ```
/// # use bindery::__private::Binding;
/// # use bindery::kv::Kv;
/// # use bindery::{Request, Response, Result};
/// # async fn f<B: Binding>(
/// #     namespace: &Kv<B>,
/// #     request: Request,
/// #     mut response: Response,
/// # ) -> Result<()> {
/// use bindery::web::Sessions;
/// use http::header::SET_COOKIE;
///
/// let sessions = Sessions::<Vec<u32>>::new(namespace);
///
/// // After the password was checked:
/// let session = sessions.create("ann", vec![]).await?;
/// response.headers_mut().append(SET_COOKIE, sessions.cookie(&session));
///
/// // In a later request:
/// if let Some(mut session) = sessions.load(request.headers()).await? {
///     session.data.push(7);
///     sessions.save(&session).await?;
/// }
/// # Ok(()) }
/// ```
pub struct Sessions<T> {
    kv: Core,
    cookie: Cow<'static, str>,
    idle: Duration,
    lifetime: Duration,
    same_site: SameSite,
    data: PhantomData<fn() -> T>,
}

impl<T> Clone for Sessions<T> {
    fn clone(&self) -> Self {
        Self {
            kv: self.kv.clone(),
            cookie: self.cookie.clone(),
            ..*self
        }
    }
}

impl<T> fmt::Debug for Sessions<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sessions")
            .field("idle", &self.idle)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// The session of a user.
pub struct Session<T> {
    id: Id,
    record: Record,
    renewed: u64,
    /// The data. [`Sessions::save`] stores it.
    pub data: T,
}

impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The id is a secret, and the data may be private.
        formatter.debug_struct("Session").finish_non_exhaustive()
    }
}

/// What a session is. It never changes, so that a request that stores something else cannot bring
/// back a session that another request has revoked.
#[derive(Clone, Serialize, Deserialize)]
struct Record {
    user: String,
    /// In milliseconds since the Unix epoch.
    created: u64,
}

/// What changes while a session is used.
#[derive(Serialize, Deserialize)]
struct State<T> {
    renewed: u64,
    data: T,
}

/// The value of a cookie: the id of a session, and the hash of its user, from which the keys of
/// both follow.
#[derive(Clone)]
struct Id {
    cookie: String,
    hash: String,
    user: String,
}

impl Id {
    fn new(user: &str) -> Result<Self> {
        let random: [u8; ID_BYTES] = random::bytes()?;
        let cookie = format!("{}.{}", URL_SAFE_NO_PAD.encode(random), user_hash(user));
        Self::parse(&cookie).ok_or_else(|| {
            let message = "the id of a session cannot be created";
            Error::worker("sessions", ErrorKind::Internal, message)
        })
    }

    /// Reads the value of a cookie.
    fn parse(cookie: &str) -> Option<Self> {
        let (random, user) = cookie.split_once('.')?;
        let length = |text: &str| URL_SAFE_NO_PAD.decode(text).ok().map(|bytes| bytes.len());
        if length(random) != Some(ID_BYTES) || length(user) != Some(USER_BYTES) {
            return None;
        }
        Some(Self {
            cookie: cookie.to_owned(),
            hash: hash(&["session", cookie]),
            user: user.to_owned(),
        })
    }

    fn record_key(&self) -> String {
        format!("session:{}", self.hash)
    }

    fn state_key(&self) -> String {
        format!("session-state:{}", self.hash)
    }
}

fn user_key(hash: &str) -> String {
    format!("session-user:{hash}")
}

fn user_hash(user: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(user)[..USER_BYTES])
}

/// Returns the hash of texts that contain no zero byte.
fn hash(texts: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(texts.join("\0")))
}

impl<T> Session<T> {
    /// Returns the user.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.record.user
    }

    /// Returns a token for the forms of this session. Another site cannot read it, so a request
    /// with the token comes from a page of this site. Send it in a hidden field or in a header.
    ///
    /// <https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html>
    #[must_use]
    pub fn csrf_token(&self) -> String {
        hash(&["csrf", &self.id.cookie])
    }

    /// Whether a token is that of this session.
    #[must_use]
    pub fn has_csrf_token(&self, token: &str) -> bool {
        // The time of comparing hashes says nothing about the token.
        Sha256::digest(token) == Sha256::digest(self.csrf_token())
    }
}

impl<T> Sessions<T> {
    /// Returns the sessions of a namespace: with a cookie `__Host-session`, for seven days without
    /// a request, and for thirty days at most.
    #[must_use]
    pub fn new<B: Binding>(namespace: &Kv<B>) -> Self {
        Self {
            kv: namespace.core().clone(),
            cookie: Cow::Borrowed("__Host-session"),
            idle: Duration::from_secs(7 * 24 * 60 * 60),
            lifetime: Duration::from_secs(30 * 24 * 60 * 60),
            same_site: SameSite::Lax,
            data: PhantomData,
        }
    }

    /// Sets the time without a request after which a session ends. It is a minute at least.
    #[must_use]
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// Sets the time after which a session ends in any case.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the name of the cookie. A browser only accepts a name with `__Host-` from this host and
    /// over TLS, or from localhost.
    #[must_use]
    pub fn cookie_name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.cookie = name.into();
        self
    }

    /// Makes browsers send the cookie only with requests that come from a page of this site, and
    /// not when the user follows a link of another one.
    #[must_use]
    pub fn same_site_strict(mut self) -> Self {
        self.same_site = SameSite::Strict;
        self
    }

    /// Returns the header `Set-Cookie` of a session. Send it after [`create`](Self::create) and
    /// [`rotate`](Self::rotate).
    #[must_use]
    pub fn cookie(&self, session: &Session<T>) -> HeaderValue {
        self.set_cookie(&session.id.cookie, self.lifetime)
    }

    /// Returns the header `Set-Cookie` that deletes the cookie.
    #[must_use]
    pub fn removal_cookie(&self) -> HeaderValue {
        self.set_cookie("", Duration::ZERO)
    }

    fn set_cookie(&self, value: &str, max_age: Duration) -> HeaderValue {
        let seconds = i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX);
        let cookie = Cookie::build((&*self.cookie, value))
            .path("/")
            .secure(true)
            .http_only(true)
            .same_site(self.same_site)
            .max_age(cookie::time::Duration::seconds(seconds));
        let header = HeaderValue::try_from(cookie.to_string());
        // Only a name that is not one of a cookie makes it invalid.
        header.unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// Returns the id that a request has.
    fn id(&self, headers: &HeaderMap) -> Option<Id> {
        let cookies = headers.get_all(COOKIE).iter();
        let cookies = cookies.filter_map(|cookies| cookies.to_str().ok());
        let mut cookies = cookies.flat_map(Cookie::split_parse).flatten();
        let cookie = cookies.find(|cookie| cookie.name() == self.cookie)?;
        Id::parse(cookie.value())
    }

    /// Ends a session.
    ///
    /// # Errors
    /// Those of deleting a key of KV. The session may then live on.
    pub async fn revoke(&self, session: &Session<T>) -> Result<()> {
        self.kv.delete(&session.id.record_key()).await?;
        self.kv.delete(&session.id.state_key()).await
    }

    /// Ends all sessions of a user.
    ///
    /// # Errors
    /// Those of reading and writing a key of KV.
    pub async fn revoke_all(&self, user: &str) -> Result<()> {
        // On Workers the clock stands still: a session of the same millisecond ends too.
        let user = user_hash(user);
        let start = now().max(self.start_of(&user).await?) + 1;
        let lifetime = Some(self.lifetime);
        self.kv
            .put_text(&user_key(&user), &start.to_string(), lifetime)
            .await
    }

    /// The time since which sessions of a user are valid.
    async fn start_of(&self, user: &str) -> Result<u64> {
        let start = self.kv.text(&user_key(user)).await?;
        Ok(start.and_then(|start| start.parse().ok()).unwrap_or(0))
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync> Sessions<T> {
    /// Creates a session of a user who has proven who they are.
    ///
    /// The request may have another session: revoke it if it is one.
    ///
    /// # Errors
    /// Those of reading and writing keys of KV.
    pub async fn create(&self, user: &str, data: T) -> Result<Session<T>> {
        let start = self.start_of(&user_hash(user)).await?;
        let record = Record {
            user: user.to_owned(),
            created: now().max(start),
        };
        self.insert(record, data).await
    }

    async fn insert(&self, record: Record, data: T) -> Result<Session<T>> {
        let session = Session {
            id: Id::new(&record.user)?,
            record,
            renewed: now(),
            data,
        };
        self.put_state(&session).await?;
        let json = serde_json::to_string(&session.record).map_err(Error::other)?;
        let left = self.left(&session.record);
        self.kv
            .put_text(&session.id.record_key(), &json, Some(left))
            .await?;
        Ok(session)
    }

    /// Returns the session of a request, if it has one that is valid. Renews it if it needs to be.
    ///
    /// A session whose data is not a `T` is ignored, and the log has an error. If a deployment adds
    /// a field to `T`, `#[serde(default)]` keeps the users logged in.
    ///
    /// # Errors
    /// Those of reading and writing keys of KV.
    pub async fn load(&self, headers: &HeaderMap) -> Result<Option<Session<T>>> {
        let Some(id) = self.id(headers) else {
            return Ok(None);
        };
        let names = [id.record_key(), id.state_key(), user_key(&id.user)];
        let mut found: [Option<Vec<u8>>; 3] = Default::default();
        let mut sink = |index: usize, stored: Stored| {
            found[index] = Some(stored.value);
            Ok(())
        };
        self.kv.get_many(&names, None, true, &mut sink).await?;

        let [Some(record), Some(state), start] = found else {
            return Ok(None);
        };
        let (Some(record), Some(state)) = (decode::<Record>(&record), decode::<State<T>>(&state))
        else {
            // After a deployment with another type, the user logs in again.
            log_line("error: a session does not have the expected type, and is ignored");
            return Ok(None);
        };
        let State { renewed, data } = state;
        let start = start.and_then(|start| String::from_utf8(start).ok()?.parse().ok());
        let is_valid = record.created >= start.unwrap_or(0)
            && user_hash(&record.user) == id.user
            && !self.left(&record).is_zero()
            && since(renewed) < self.idle;
        if !is_valid {
            return Ok(None);
        }

        let mut session = Session {
            id,
            record,
            renewed,
            data,
        };
        if since(renewed) >= self.idle / 10 {
            session.renewed = now();
            self.put_state(&session).await?;
        }
        Ok(Some(session))
    }

    /// Stores the data of a session.
    ///
    /// # Errors
    /// Those of writing a key of KV.
    pub async fn save(&self, session: &Session<T>) -> Result<()> {
        self.put_state(session).await
    }

    /// Gives a session a new id, for example because the user has more rights now. The old id ends.
    /// The lifetime does not start again.
    ///
    /// # Errors
    /// Those of writing and deleting keys of KV.
    pub async fn rotate(&self, session: Session<T>) -> Result<Session<T>> {
        self.revoke(&session).await?;
        self.insert(session.record, session.data).await
    }

    async fn put_state(&self, session: &Session<T>) -> Result<()> {
        let state = State {
            renewed: session.renewed,
            data: &session.data,
        };
        let json = serde_json::to_string(&state).map_err(Error::other)?;
        let left = self.left(&session.record).min(self.idle);
        self.kv
            .put_text(&session.id.state_key(), &json, Some(left))
            .await
    }

    /// The rest of a session's lifetime.
    fn left(&self, record: &Record) -> Duration {
        self.lifetime.saturating_sub(since(record.created))
    }
}

fn decode<V: DeserializeOwned>(json: &[u8]) -> Option<V> {
    serde_json::from_slice(json).ok()
}

/// The time in milliseconds since the Unix epoch.
fn now() -> u64 {
    let since = time::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

fn since(milliseconds: u64) -> Duration {
    Duration::from_millis(now().saturating_sub(milliseconds))
}
