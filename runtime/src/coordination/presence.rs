//! Who is there.

use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use super::{at, milliseconds, now};
use crate::app::Environment;
use crate::durable_object::{
    AlarmInfo, DurableObject, List, State, Stub, arguments, reply, unknown_method,
};
use crate::error::Result;

/// The longest presence without a sign, in milliseconds: a day.
const LONGEST: u64 = 24 * 3600 * 1000;

/// The start of the key of a member, whose value is the time until which it is present.
const MEMBER: &str = "member:";

/// The methods.
const TOUCH: &str = "touch";
const LEAVE: &str = "leave";
const MEMBERS: &str = "members";

/// The Durable Object class of places that members come to and leave. Each name is a place: see
/// [`PresenceClient`].
#[derive(Debug)]
pub struct PresenceObject<E> {
    state: State,
    environment: PhantomData<fn() -> E>,
}

impl<E> PresenceObject<E> {
    fn stored(&self) -> Result<Vec<(String, u64)>> {
        self.state.storage().list(&List::prefix(MEMBER))
    }

    fn members(&self) -> Result<Vec<String>> {
        let now = now();
        let present = self.stored()?.into_iter();
        let present = present.filter(|(_, until)| *until > now);
        Ok(present
            .filter_map(|(key, _)| Some(key.strip_prefix(MEMBER)?.to_owned()))
            .collect())
    }

    async fn touch(&self, member: &str, duration: u64) -> Result<Vec<String>> {
        let storage = self.state.storage();
        let until = now().saturating_add(duration.clamp(1, LONGEST));
        storage.put(&format!("{MEMBER}{member}"), &until)?;
        if storage.alarm().await?.is_none() {
            storage.set_alarm(at(until)).await?;
        }
        self.members()
    }

    fn leave(&self, member: &str) -> Result<bool> {
        let key = format!("{MEMBER}{member}");
        self.state.storage().delete(&key)
    }

    /// Forgets the members that are gone, so that an empty place stores nothing.
    async fn clean_up(&self) -> Result<()> {
        let (storage, now) = (self.state.storage(), now());
        let mut next = None;
        for (key, until) in self.stored()? {
            if until <= now {
                storage.delete(&key)?;
            } else {
                next = Some(next.map_or(until, |next: u64| next.min(until)));
            }
        }
        match next {
            Some(next) => storage.set_alarm(at(next)).await,
            None => storage.delete_all().await,
        }
    }
}

impl<E: Environment> DurableObject for PresenceObject<E> {
    type Env = E;
    type Client = PresenceClient;
    const HAS_ALARM: bool = true;
    const HAS_METHODS: bool = true;
    const HAS_WEB_SOCKETS: bool = false;

    fn create(state: State, _: E) -> Result<Self> {
        Ok(Self {
            state,
            environment: PhantomData,
        })
    }

    fn call(self: Rc<Self>, method: &str, json: String) -> LocalBoxFuture<'static, Result<String>> {
        let method = method.to_owned();
        Box::pin(async move {
            match method.as_str() {
                TOUCH => {
                    let (member, duration): (String, u64) = arguments(&json)?;
                    reply(self.touch(&member, duration).await)
                }
                LEAVE => {
                    let (member,): (String,) = arguments(&json)?;
                    reply(self.leave(&member))
                }
                MEMBERS => reply(self.members()),
                _ => unknown_method(&method),
            }
        })
    }

    fn alarm(self: Rc<Self>, _: AlarmInfo) -> LocalBoxFuture<'static, Result<()>> {
        Box::pin(async move { self.clean_up().await })
    }
}

/// Who is at a place: the client of a [`PresenceObject`].
///
/// Members say again and again that they are there. For clients with a WebSocket, the open sockets
/// of an object of your own are the presence.
///
/// # Examples
/// ```
/// # use bindery::Environment;
/// # use bindery::coordination::PresenceObject;
/// # use bindery::durable_object::Namespace;
/// # async fn f<E: Environment>(places: Namespace<PresenceObject<E>>) -> bindery::Result<()> {
/// use std::time::Duration;
///
/// let lobby = places.by_name("lobby");
/// let members = lobby.touch("ann", Duration::from_secs(30)).await?;
/// assert_eq!(members, ["ann"]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct PresenceClient(Stub);

impl From<Stub> for PresenceClient {
    fn from(stub: Stub) -> Self {
        Self(stub)
    }
}

impl PresenceClient {
    /// Notes that a member is there for a time, at most a day. Returns all members, sorted.
    ///
    /// # Errors
    /// `TooLarge` if the name has more than about 2,000 bytes. The errors of Durable Objects.
    pub async fn touch(&self, member: &str, duration: Duration) -> Result<Vec<String>> {
        let arguments = (member, milliseconds(duration).min(LONGEST));
        self.0.call(TOUCH, &arguments).await
    }

    /// Notes that a member has left. Returns whether it was there.
    ///
    /// # Errors
    /// The errors of Durable Objects.
    pub async fn leave(&self, member: &str) -> Result<bool> {
        self.0.call(LEAVE, &(member,)).await
    }

    /// Returns all members, sorted.
    ///
    /// # Errors
    /// The errors of Durable Objects.
    pub async fn members(&self) -> Result<Vec<String>> {
        self.0.call(MEMBERS, &()).await
    }
}
