//! Lists of objects, page by page or as a stream.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use futures_util::future::BoxFuture;

use super::core::{Core, ListRequest, Listing};
use super::key::{MetadataOf, R2Key};
use super::types::ObjectInfo;
use crate::bindings::key::Prefix;
use crate::error::Result;

/// The objects with a prefix, in the order of the bytes of their keys: a stream of [`ObjectInfo`],
/// or one page.
///
/// The stream requests a page when it has returned the objects of the previous one. It ends after
/// an error of the platform, and continues after an object whose metadata does not match its type.
///
/// # Examples
/// ```
/// # use bindery::__private::Binding;
/// # use bindery::r2::{self, R2};
/// # async fn f<B: Binding>(storage: &R2<B>) -> bindery::Result<()> {
/// use futures_util::TryStreamExt;
///
/// let mut objects = storage.list(r2::prefix("notes/"));
/// while let Some(object) = objects.try_next().await? {
///     println!("{} has {} bytes", object.key, object.size);
/// }
/// # Ok(()) }
/// ```
#[must_use = "a list is a stream: call `try_next` or `page`"]
pub struct List<'a, K: R2Key> {
    core: &'a Core,
    prefix: Prefix<K>,
    request: ListRequest,
    objects: VecDeque<ObjectInfo>,
    pending: Option<BoxFuture<'a, Result<Listing>>>,
    is_complete: bool,
}

impl<K: R2Key> fmt::Debug for List<'_, K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("List")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl<'a, K: R2Key> List<'a, K> {
    pub(super) fn new(core: &'a Core, prefix: Prefix<K>) -> Self {
        Self {
            core,
            request: ListRequest {
                prefix: prefix.text.clone().into_owned(),
                ..ListRequest::default()
            },
            prefix,
            objects: VecDeque::new(),
            pending: None,
            is_complete: false,
        }
    }

    /// Requests at most `objects` objects with each call: 1 to 1000, which is the default.
    ///
    /// The platform can return fewer, because a response with metadata has a limit.
    pub fn page_size(mut self, objects: u32) -> Self {
        self.request.page_size = Some(objects);
        self
    }

    /// Starts where a page ended.
    pub fn cursor(mut self, cursor: impl Into<String>) -> Self {
        self.request.cursor = Some(cursor.into());
        self
    }

    /// Starts after a key, which need not exist.
    pub fn start_after(mut self, key: impl Into<String>) -> Self {
        self.request.start_after = Some(key.into());
        self
    }

    /// Groups the keys that contain `delimiter` after the prefix: instead of these objects, a page
    /// has the part of their keys up to the delimiter, once, in [`Page::prefixes`]. With `/`, a
    /// page is like a folder, with files and folders.
    ///
    /// <https://developers.cloudflare.com/r2/api/workers/workers-api-reference/#r2listoptions>
    pub fn delimiter(mut self, delimiter: impl Into<String>) -> Self {
        self.request.delimiter = Some(delimiter.into());
        self
    }

    /// Returns one page.
    ///
    /// # Errors
    /// `InvalidArgument` if the page size is not between 1 and 1000. `Decode` if the metadata of an
    /// object does not match its type.
    ///
    /// # Examples
    /// ```
    /// # use bindery::__private::Binding;
    /// # use bindery::r2::{self, R2};
    /// # async fn f<B: Binding>(storage: &R2<B>) -> bindery::Result<()> {
    /// let folder = storage.list(r2::prefix("notes/")).delimiter("/").page().await?;
    /// println!("{} files, {} folders", folder.objects.len(), folder.prefixes.len());
    /// if let Some(cursor) = folder.cursor {
    ///     let next = storage.list(r2::prefix("notes/")).delimiter("/").cursor(cursor);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn page(self) -> BoxFuture<'a, Result<Page<MetadataOf<K>>>> {
        let (core, request) = (self.core, self.request);
        Box::pin(async move {
            let listing = core.list(&request).await?;
            let objects = listing.objects.into_iter();
            let objects = objects.map(|info| decode::<K>(core, info));
            Ok(Page {
                objects: objects.collect::<Result<_>>()?,
                prefixes: listing.prefixes,
                cursor: listing.cursor,
            })
        })
    }
}

impl<K: R2Key> Stream for List<'_, K> {
    type Item = Result<ObjectInfo<MetadataOf<K>>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(info) = self.objects.pop_front() {
                return Poll::Ready(Some(decode::<K>(self.core, info)));
            }
            if self.is_complete {
                return Poll::Ready(None);
            }

            let list = &mut *self;
            let (core, request) = (list.core, &list.request);
            let pending = list.pending.get_or_insert_with(|| {
                let request = request.clone();
                Box::pin(async move { core.list(&request).await })
            });
            let listing = ready!(pending.as_mut().poll(context));
            list.pending = None;
            match listing {
                Ok(listing) => {
                    list.objects.extend(listing.objects);
                    list.is_complete = listing.cursor.is_none();
                    list.request.cursor = listing.cursor;
                }
                Err(error) => {
                    list.is_complete = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

fn decode<K: R2Key>(core: &Core, info: ObjectInfo) -> Result<ObjectInfo<MetadataOf<K>>> {
    let decoded = info.with_metadata::<K::Metadata>();
    decoded.map_err(|failure| core.gate.failed("list", failure))
}

/// A page of objects, in the order of the bytes of their keys.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Page<M> {
    /// The objects.
    pub objects: Vec<ObjectInfo<M>>,
    /// The parts of the keys up to a delimiter that the objects do not include.
    pub prefixes: Vec<String>,
    /// The cursor of the next page; `None` on the last page.
    pub cursor: Option<String>,
}
