//! Lists of keys, page by page or as a stream.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use futures_util::Stream;
use futures_util::future::BoxFuture;

use super::core::{Core, Listing, StoredKey};
use super::key::{KvKey, ParseKey};
use crate::bindings::key::Prefix;
use crate::error::Result;

/// The keys with a prefix, in the order of their bytes: a stream of [`ListedKey`], or one page.
///
/// The stream requests a page when it has returned the keys of the previous one. It ends after an
/// error of the platform, and continues after a key whose metadata does not match its type.
///
/// # Examples
/// ```
/// # use bindery::__private::{Binding, KeyOf};
/// # use bindery::kv::{Kv, KvKey, Prefix};
/// # async fn f<B: Binding, K: KvKey + KeyOf<B::Name>>(
/// #     cache: &Kv<B>,
/// #     sessions: Prefix<K>,
/// # ) -> bindery::Result<()> {
/// use futures_util::TryStreamExt;
///
/// let mut keys = cache.list(sessions);
/// while let Some(key) = keys.try_next().await? {
///     println!("{} expires at {:?}", key.name, key.expiration);
/// }
/// # Ok(()) }
/// ```
#[must_use = "a list is a stream: call `try_next` or `page`"]
pub struct List<'a, K: KvKey> {
    core: &'a Core,
    prefix: Prefix<K>,
    cursor: Option<String>,
    page_size: Option<u32>,
    keys: VecDeque<StoredKey>,
    pending: Option<BoxFuture<'a, Result<Listing>>>,
    is_complete: bool,
}

impl<K: KvKey> fmt::Debug for List<'_, K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("List")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl<'a, K: KvKey> List<'a, K> {
    pub(super) fn new(core: &'a Core, prefix: Prefix<K>) -> Self {
        Self {
            core,
            prefix,
            cursor: None,
            page_size: None,
            keys: VecDeque::new(),
            pending: None,
            is_complete: false,
        }
    }

    /// Requests at most `keys` keys with each call: 1 to 1000, which is the default.
    pub fn page_size(mut self, keys: u32) -> Self {
        self.page_size = Some(keys);
        self
    }

    /// Starts where a page ended.
    pub fn cursor(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }

    /// Returns one page.
    ///
    /// # Errors
    /// `InvalidArgument` if the page size is not between 1 and 1000. `Decode` if the metadata of a
    /// key does not match its type.
    ///
    /// # Examples
    /// ```
    /// # use bindery::__private::Binding;
    /// # use bindery::kv::{self, Kv};
    /// # async fn f<B: Binding>(cache: &Kv<B>) -> bindery::Result<()> {
    /// let page = cache.list(kv::prefix("note:")).page_size(100).page().await?;
    /// if let Some(cursor) = page.cursor {
    ///     let next = cache.list(kv::prefix("note:")).cursor(cursor).page().await?;
    /// }
    /// # Ok(()) }
    /// ```
    pub fn page(self) -> BoxFuture<'a, Result<Page<K>>> {
        let request = self.request();
        let core = self.core;
        Box::pin(async move {
            let Listing { keys, cursor } = request.await?;
            let keys = keys.into_iter().map(|key| ListedKey::new(core, key));
            Ok(Page {
                keys: keys.collect::<Result<_>>()?,
                cursor,
            })
        })
    }

    /// Requests the next page.
    fn request(&self) -> BoxFuture<'a, Result<Listing>> {
        let core = self.core;
        let (prefix, cursor, page_size) = (
            self.prefix.text.clone(),
            self.cursor.clone(),
            self.page_size,
        );
        Box::pin(async move { core.list(&prefix, cursor.as_deref(), page_size).await })
    }
}

impl<K: KvKey> Stream for List<'_, K> {
    type Item = Result<ListedKey<K>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(key) = self.keys.pop_front() {
                return Poll::Ready(Some(ListedKey::new(self.core, key)));
            }
            if self.is_complete {
                return Poll::Ready(None);
            }

            let list = &mut *self;
            let request = match &mut list.pending {
                Some(request) => request,
                None => {
                    let request = list.request();
                    list.pending.insert(request)
                }
            };
            let listing = ready!(request.as_mut().poll(context));
            list.pending = None;
            match listing {
                Ok(listing) => {
                    list.keys.extend(listing.keys);
                    list.is_complete = listing.cursor.is_none();
                    list.cursor = listing.cursor;
                }
                Err(error) => {
                    list.is_complete = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

/// A page of keys, in the order of their bytes.
#[non_exhaustive]
pub struct Page<K: KvKey> {
    /// The keys.
    pub keys: Vec<ListedKey<K>>,
    /// The cursor of the next page; `None` on the last page.
    pub cursor: Option<String>,
}

impl<K: KvKey> fmt::Debug for Page<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Page")
            .field("keys", &self.keys)
            .field("cursor", &self.cursor)
            .finish()
    }
}

/// A key in a list.
#[non_exhaustive]
pub struct ListedKey<K: KvKey> {
    /// The name of the key.
    pub name: String,
    /// The time at which the key expires.
    pub expiration: Option<SystemTime>,
    /// The metadata that was stored with the value.
    pub metadata: Option<K::Metadata>,
    kind: PhantomData<fn() -> K>,
}

impl<K: KvKey> fmt::Debug for ListedKey<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The metadata may be private.
        formatter
            .debug_struct("ListedKey")
            .field("name", &self.name)
            .field("expiration", &self.expiration)
            .finish_non_exhaustive()
    }
}

impl<K: KvKey> ListedKey<K> {
    fn new(core: &Core, key: StoredKey) -> Result<Self> {
        let metadata = super::decode_metadata(&key.name, key.metadata.as_deref());
        let since_epoch = key.expiration.map(Duration::from_secs);
        Ok(Self {
            metadata: metadata.map_err(|failure| core.gate.failed("list", failure))?,
            name: key.name,
            expiration: since_epoch.map(|time| SystemTime::UNIX_EPOCH + time),
            kind: PhantomData,
        })
    }

    /// Returns the key with this name, or `None` if the name is not one of the key's type: another
    /// program, or an earlier version of this one, may have stored it.
    #[must_use]
    pub fn key(&self) -> Option<K>
    where
        K: ParseKey,
    {
        K::parse(&self.name)
    }
}
