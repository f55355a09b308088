//! R2: objects whose content is streamed in both directions.
//!
//! <https://developers.cloudflare.com/r2/api/workers/workers-api-reference/>

mod condition;
mod core;
mod key;
mod list;
mod metadata;
mod multipart;
mod options;
#[cfg(feature = "presign")]
pub(crate) mod presign;
mod serve;
mod sweep;
mod types;

use std::fmt;
use std::marker::PhantomData;

use futures_util::future::BoxFuture;
use http::{HeaderMap, Method};

use self::core::Found;
use super::key::Binding;
use crate::backend::Backend;
use crate::bindings::{BindingKind, Connect};
use crate::error::{Error, Failure, Result};
use crate::http::Response;
use crate::observe::Gate;

pub(crate) use self::core::{Core, Found as FoundObject, ListRequest, Listing, PutRequest};
pub use super::content::Content;
pub(crate) use super::content::Upload;
pub use super::key::Prefix;
pub use condition::Condition;
#[doc(hidden)]
pub use key::KeyOf;
pub use key::{MetadataOf, ParseKey, R2Key, prefix};
pub use list::{List, Page};
pub use metadata::{Fields, HttpMetadata, Map, Metadata, MetadataCodec};
pub use multipart::{Multipart, UploadedPart};
#[cfg(target_arch = "wasm32")]
pub(crate) use options::Part;
pub use options::{Checksum, GetOptions, PutOptions, Range, StorageClass};
#[cfg(feature = "presign")]
pub use presign::{PresignedRequest, Signer};
pub use serve::ServeOptions;
pub use sweep::{Sweep, SweepOptions};
pub use types::{Checksums, Lookup, Object, ObjectInfo};

/// An R2 bucket. `B` is the generated type of its binding.
///
/// A key is a text, or a type that derives [`R2Key`]. Every operation with a key fails with an
/// error of kind `InvalidArgument` if the key is empty, and of kind `TooLarge` if it has more than
/// 1024 bytes.
///
/// <https://developers.cloudflare.com/r2/platform/limits/>
pub struct R2<B> {
    core: Core,
    binding: PhantomData<fn() -> B>,
}

impl<B> Clone for R2<B> {
    fn clone(&self) -> Self {
        Self {
            core: self.core.clone(),
            binding: PhantomData,
        }
    }
}

impl<B> fmt::Debug for R2<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("R2")
            .field("gate", &self.core.gate)
            .finish_non_exhaustive()
    }
}

impl<B: Binding> Connect for R2<B> {
    const KIND: BindingKind = BindingKind::R2;

    fn connect(backend: &Backend, binding: &'static str, gate: Gate) -> Result<Self, String> {
        let backend = backend.r2(binding)?;
        Ok(Self {
            core: Core::new(gate, backend),
            binding: PhantomData,
        })
    }
}

/// Reading.
impl<B: Binding> R2<B> {
    /// Returns the object with a key, or `None` if the key does not exist.
    ///
    /// # Errors
    /// `Decode` if the metadata does not match the type of the key. See also [`R2`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, r2::R2};
    /// # async fn f<B: Binding>(storage: &R2<B>) -> bindery::Result<()> {
    /// if let Some(object) = storage.get("notes/1.txt").await? {
    ///     println!("{}", object.text().await?);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn get<'a, K: KeyOf<B::Name> + ?Sized>(
        &'a self,
        key: &K,
    ) -> BoxFuture<'a, Result<Option<Object<MetadataOf<K>>>>> {
        let lookup = self.get_with(key, GetOptions::default());
        Box::pin(async move { Ok(lookup.await?.found()) })
    }

    /// Returns some bytes of an object, or the object if it meets a condition.
    ///
    /// # Errors
    /// `InvalidArgument` if the object does not have any of the bytes. See also
    /// [`get`](Self::get).
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, r2::R2};
    /// # async fn f<B: Binding>(storage: &R2<B>, etag: &str) -> bindery::Result<()> {
    /// use bindery::r2::{Condition, GetOptions, Lookup};
    ///
    /// let start = GetOptions::default().range(..1024);
    /// let start = storage.get_with("video.mp4", start).await?.found();
    ///
    /// let changed = Condition::default().etag_differs(etag);
    /// let options = GetOptions::default().condition(changed);
    /// match storage.get_with("notes/1.txt", options).await? {
    ///     Lookup::Found(object) => println!("{}", object.text().await?),
    ///     Lookup::Unmatched(info) => println!("still {}", info.etag),
    ///     Lookup::Missing => println!("gone"),
    /// }
    /// # Ok(()) }
    /// ```
    pub fn get_with<'a, K: KeyOf<B::Name> + ?Sized>(
        &'a self,
        key: &K,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<Lookup<MetadataOf<K>>>> {
        let key = key.key().into_owned();
        Box::pin(lookup::<K::Metadata>(&self.core, key, options))
    }

    /// Returns the description of the object with a key, or `None` if the key does not exist.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, r2::R2};
    /// # async fn f<B: Binding>(storage: &R2<B>) -> bindery::Result<()> {
    /// let exists = storage.head("notes/1.txt").await?.is_some();
    /// # Ok(()) }
    /// ```
    pub fn head<'a, K: KeyOf<B::Name> + ?Sized>(
        &'a self,
        key: &K,
    ) -> BoxFuture<'a, Result<Option<ObjectInfo<MetadataOf<K>>>>> {
        let (key, core) = (key.key().into_owned(), &self.core);
        Box::pin(async move { core.info::<K::Metadata>("head", core.head(&key).await?) })
    }

    /// Responds to a GET or HEAD request with an object. Returns `None` if the key does not exist.
    ///
    /// The response streams the object with its metadata, its `ETag` and `Last-Modified`. It obeys
    /// the headers of the request: `Range` (206 or 416; several ranges are ignored), `If-Range`,
    /// `If-Match` and `If-Unmodified-Since` (412), `If-None-Match` and `If-Modified-Since` (304).
    /// `X-Content-Type-Options` is `nosniff`.
    ///
    /// # Errors
    /// See [`R2`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{Body, Request, Response, __private::Binding, r2::R2};
    /// # async fn f<B: Binding>(storage: &R2<B>, request: Request) -> bindery::Result<Response> {
    /// use bindery::r2::ServeOptions;
    /// use bindery::{Error, ErrorKind};
    ///
    /// let options = ServeOptions::default().attachment("logo.png");
    /// let (method, headers) = (request.method(), request.headers());
    /// let served = storage.serve("logo.png", method, headers, options).await?;
    /// served.ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no logo"))
    /// # }
    /// ```
    pub fn serve<'a, K: KeyOf<B::Name> + ?Sized>(
        &'a self,
        key: &K,
        method: &'a Method,
        headers: &'a HeaderMap,
        options: ServeOptions,
    ) -> BoxFuture<'a, Result<Option<Response>>> {
        let (key, core) = (key.key().into_owned(), &self.core);
        Box::pin(async move { core.serve(&key, method, headers, &options).await })
    }

    /// Returns a signer of URLs with which clients read and write objects without the worker.
    ///
    /// `bucket_url` is the URL of the bucket in the S3 API, which the dashboard shows:
    /// `https://ACCOUNT.r2.cloudflarestorage.com/BUCKET`. The credentials are an API token of R2;
    /// store them as secrets.
    ///
    /// # Errors
    /// `Misconfigured` if the URL or the credentials are not valid.
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, Secret, r2::R2};
    /// # struct Vars { r2_url: String }
    /// # struct Secrets { r2_access_key_id: Secret, r2_secret_access_key: Secret }
    /// # struct Env<B> { storage: R2<B>, vars: Vars, secrets: Secrets }
    /// # fn f<B: Binding>(env: &Env<B>) -> bindery::Result<String> {
    /// use std::time::Duration;
    ///
    /// let signer = env.storage.signer(
    ///     &env.vars.r2_url,
    ///     env.secrets.r2_access_key_id.expose(),
    ///     env.secrets.r2_secret_access_key.expose(),
    /// )?;
    /// Ok(signer.get("report.pdf", Duration::from_secs(300))?.url)
    /// # }
    /// ```
    #[cfg(feature = "presign")]
    pub fn signer(
        &self,
        bucket_url: &str,
        access_key_id: &str,
        secret_access_key: &str,
    ) -> Result<Signer<'_, B>> {
        let signer = Signer::new(&self.core, bucket_url, access_key_id, secret_access_key);
        signer.map_err(|failure| self.core.gate.failed("presign", failure))
    }

    /// Returns the objects with a prefix, as a stream or page by page.
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, r2::{self, R2}};
    /// # async fn f<B: Binding>(storage: &R2<B>) -> bindery::Result<()> {
    /// use futures_util::TryStreamExt;
    ///
    /// let mut notes = storage.list(r2::prefix("notes/"));
    /// while let Some(object) = notes.try_next().await? {
    ///     println!("{} has {} bytes", object.key, object.size);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn list<K: KeyOf<B::Name>>(&self, prefix: Prefix<K>) -> List<'_, K> {
        List::new(&self.core, prefix)
    }
}

/// Writing.
impl<B: Binding> R2<B> {
    /// Stores an object, and replaces the object with the same key.
    ///
    /// The content is streamed. On Workers, content of a known length is one call; a stream of
    /// another length is uploaded in parts, of which at most one is held in memory. The object
    /// appears as a whole at the end of the stream. If the stream ends early, the previous object
    /// remains.
    ///
    /// # Errors
    /// `InvalidArgument` if the stream ends early. See also [`R2`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, r2::R2};
    /// # async fn f<B: Binding>(storage: &R2<B>) -> bindery::Result<()> {
    /// let stored = storage.put("notes/1.txt", "buy milk").await?;
    /// println!("{} bytes, etag {}", stored.size, stored.etag);
    /// # Ok(()) }
    /// ```
    pub fn put<'a, 'c: 'a, K: KeyOf<B::Name> + ?Sized>(
        &'a self,
        key: &K,
        content: impl Into<Content<'c>>,
    ) -> BoxFuture<'a, Result<ObjectInfo>> {
        self.put_with(key, content, PutOptions::default())
    }

    /// Stores an object like [`put`](Self::put), with options.
    ///
    /// # Errors
    /// `TooLarge` if the content has more bytes than [`PutOptions::max_bytes`], or the metadata
    /// more than 8192 bytes; the previous object is unchanged. `InvalidArgument` if the stream ends
    /// early, or the content does not have the checksum. See also [`R2`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, r2::R2};
    /// # async fn f<B: Binding>(storage: &R2<B>, upload: bindery::Body) -> bindery::Result<()> {
    /// use bindery::r2::PutOptions;
    ///
    /// let options = PutOptions::default()
    ///     .content_type("image/png")
    ///     .max_bytes(10_000_000);
    /// storage.put_with("logo.png", upload, options).await?;
    /// # Ok(()) }
    /// ```
    pub fn put_with<'a, 'c: 'a, K: KeyOf<B::Name> + ?Sized>(
        &'a self,
        key: &K,
        content: impl Into<Content<'c>>,
        options: PutOptions<MetadataOf<K>>,
    ) -> BoxFuture<'a, Result<ObjectInfo>> {
        let put = put(&self.core, key, content.into(), None, options);
        Box::pin(async move {
            let stored = put.await?;
            // Without a condition there is always an object.
            stored.ok_or_else(|| self.core.gate.failed("put", Failure::no_object()))
        })
    }

    /// Stores an object if the stored one meets a condition. Returns `None` if it does not.
    ///
    /// Content of more than 5 MiB has to have a [known length](Content::with_length): R2 uploads
    /// parts without conditions.
    ///
    /// # Errors
    /// As for [`put_with`](Self::put_with).
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, r2::R2};
    /// # async fn f<B: Binding>(storage: &R2<B>) -> bindery::Result<()> {
    /// use bindery::r2::{Condition, PutOptions};
    ///
    /// let first = storage.put_if("lock", Condition::absent(), "me", PutOptions::default());
    /// println!("{}", if first.await?.is_some() { "locked" } else { "taken" });
    /// # Ok(()) }
    /// ```
    pub fn put_if<'a, 'c: 'a, K: KeyOf<B::Name> + ?Sized>(
        &'a self,
        key: &K,
        condition: Condition,
        content: impl Into<Content<'c>>,
        options: PutOptions<MetadataOf<K>>,
    ) -> BoxFuture<'a, Result<Option<ObjectInfo>>> {
        put(&self.core, key, content.into(), Some(condition), options)
    }

    /// Copies an object with its metadata. Returns `None` if the key does not exist.
    ///
    /// On Workers the platform streams the content through the worker, without its memory.
    ///
    /// # Errors
    /// `TooLarge` if the object has more than 4.995 GiB. See also [`R2`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, r2::R2};
    /// # async fn f<B: Binding>(storage: &R2<B>) -> bindery::Result<()> {
    /// storage.copy("notes/1.txt", "archive/1.txt").await?;
    /// storage.delete("notes/1.txt").await?;
    /// # Ok(()) }
    /// ```
    pub fn copy<'a, F, T>(&'a self, from: &F, to: &T) -> BoxFuture<'a, Result<Option<ObjectInfo>>>
    where
        F: KeyOf<B::Name> + ?Sized,
        T: KeyOf<B::Name> + ?Sized,
    {
        let (from, to) = (from.key().into_owned(), to.key().into_owned());
        Box::pin(async move { self.core.copy(&from, &to).await })
    }

    /// Deletes an object. Deleting a missing key is not an error.
    ///
    /// # Errors
    /// See [`R2`].
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, r2::R2};
    /// # async fn f<B: Binding>(storage: &R2<B>) -> bindery::Result<()> {
    /// storage.delete("notes/1.txt").await?;
    /// # Ok(()) }
    /// ```
    pub fn delete<'a, K: KeyOf<B::Name> + ?Sized>(&'a self, key: &K) -> BoxFuture<'a, Result<()>> {
        let keys = [key.key().into_owned()];
        Box::pin(async move { self.core.delete(&keys).await })
    }

    /// Deletes any number of objects, with one call for each 1000 of them. Deleting missing keys is
    /// not an error.
    ///
    /// # Errors
    /// See [`R2`]. The objects of earlier calls are then deleted.
    ///
    /// # Examples
    /// ```
    /// # use bindery::{__private::Binding, r2::R2};
    /// # async fn f<B: Binding>(storage: &R2<B>) -> bindery::Result<()> {
    /// storage.delete_many(["notes/1.txt", "notes/2.txt"]).await?;
    /// # Ok(()) }
    /// ```
    pub fn delete_many<K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> BoxFuture<'_, Result<()>> {
        let keys: Vec<String> = keys
            .into_iter()
            .map(|key| key.as_ref().to_owned())
            .collect();
        Box::pin(async move { self.core.delete(&keys).await })
    }

    /// Starts a multipart upload, step by step. [`put_with`](Self::put_with) uploads parts by
    /// itself; this is for an upload that several requests continue.
    ///
    /// # Errors
    /// `TooLarge` if the metadata has more than 8192 bytes. See also [`R2`].
    pub fn create_multipart<'a, K: KeyOf<B::Name> + ?Sized>(
        &'a self,
        key: &K,
        options: PutOptions<MetadataOf<K>>,
    ) -> BoxFuture<'a, Result<Multipart<'a>>> {
        let key = key.key().into_owned();
        let request = request::<K::Metadata>(None, options);
        Box::pin(async move {
            let failed = |failure| self.core.gate.failed("create_multipart_upload", failure);
            Multipart::create(&self.core, key, request.map_err(failed)?).await
        })
    }

    /// Continues a multipart upload. It does not call the platform.
    #[must_use]
    pub fn resume_multipart<K: KeyOf<B::Name> + ?Sized>(
        &self,
        key: &K,
        id: impl Into<String>,
    ) -> Multipart<'_> {
        Multipart::resume(&self.core, key.key().into_owned(), id.into())
    }
}

impl Core {
    /// Decodes the metadata of a description.
    fn info<C: MetadataCodec>(
        &self,
        operation: &'static str,
        info: Option<ObjectInfo>,
    ) -> Result<Option<ObjectInfo<C::Value>>, Error> {
        let info = info.map(ObjectInfo::with_metadata::<C>).transpose();
        info.map_err(|failure| self.gate.failed(operation, failure))
    }
}

async fn lookup<C: MetadataCodec>(
    core: &Core,
    key: String,
    options: GetOptions,
) -> Result<Lookup<C::Value>> {
    let Some((info, content)): Option<Found> = core.get(&key, &options).await? else {
        return Ok(Lookup::Missing);
    };
    let info = info.with_metadata::<C>();
    let info = info.map_err(|failure| core.gate.failed("get", failure))?;
    Ok(match content {
        None => Lookup::Unmatched(info),
        Some((body, range)) => Lookup::Found(Object {
            info,
            body,
            range,
            binding: core.gate.binding(),
        }),
    })
}

fn put<'a, 'c: 'a, K: R2Key + ?Sized>(
    core: &'a Core,
    key: &K,
    content: Content<'c>,
    condition: Option<Condition>,
    options: PutOptions<MetadataOf<K>>,
) -> BoxFuture<'a, Result<Option<ObjectInfo>>> {
    let key = key.key().into_owned();
    let request = request::<K::Metadata>(condition, options);
    Box::pin(async move { core.put(&key, content, request).await })
}

fn request<C: MetadataCodec>(
    condition: Option<Condition>,
    options: PutOptions<C::Value>,
) -> Result<PutRequest, Failure> {
    let custom_metadata = options
        .custom_metadata
        .as_ref()
        .map(C::encode)
        .transpose()?;
    Ok(PutRequest {
        http_metadata: options.http_metadata,
        custom_metadata: custom_metadata.unwrap_or_default(),
        checksum: options.checksum,
        storage_class: options.storage_class,
        condition,
        max_bytes: options.max_bytes,
        part_bytes: options.part_bytes,
        parallel_parts: options.parallel_parts,
    })
}

impl Failure {
    /// A put without a condition that stored nothing.
    fn no_object() -> Self {
        let message = "the platform did not store the object";
        Self::new(crate::error::ErrorKind::Internal, message)
    }
}
