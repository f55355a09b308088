//! Multipart uploads, step by step.

use std::fmt;

use super::core::{Core, PutRequest};
use super::types::ObjectInfo;
use crate::bindings::content::Content;
use crate::error::Result;

/// A part that was uploaded. [`Multipart::complete`] needs those of all parts.
///
/// It can be stored, for example as JSON in D1, to resume the upload later.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UploadedPart {
    /// The number: 1 to 10,000.
    pub number: u16,
    /// The entity tag of the part.
    pub etag: String,
}

/// A multipart upload of one object, step by step.
///
/// All parts but the last have the same size, at least 5 MiB. The object appears when the upload is
/// completed. R2 aborts an upload that is not completed within 7 days, and so does the native
/// backend at its start. It is not aborted on drop, so that another request can resume it.
///
/// <https://developers.cloudflare.com/r2/objects/multipart-objects/>
///
/// # Examples
/// ```
/// # use bindery::__private::Binding;
/// # use bindery::r2::{PutOptions, R2};
/// # async fn f<B: Binding>(
/// #     storage: &R2<B>,
/// #     first: bindery::Body,
/// #     second: bindery::Body,
/// # ) -> bindery::Result<()> {
/// let upload = storage.create_multipart("video.mp4", PutOptions::default()).await?;
/// let parts = [upload.upload_part(1, first).await?];
///
/// // Another request, which knows the id of the upload and the parts.
/// let upload = storage.resume_multipart("video.mp4", upload.id());
/// let last = upload.upload_part(2, second).await?;
/// let parts = [parts[0].clone(), last];
/// let info = upload.complete(&parts).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Multipart<'a> {
    core: &'a Core,
    key: String,
    id: String,
}

impl fmt::Debug for Multipart<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Multipart")
            .field("key", &self.key)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl<'a> Multipart<'a> {
    pub(super) async fn create(core: &'a Core, key: String, request: PutRequest) -> Result<Self> {
        let id = core.create_multipart(&key, request).await?;
        Ok(Self { core, key, id })
    }

    pub(super) fn resume(core: &'a Core, key: String, id: String) -> Self {
        Self { core, key, id }
    }

    /// Returns the key of the object.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the id of the upload, with which [`resume_multipart`](super::R2::resume_multipart)
    /// continues it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Uploads a part, and replaces the part with the same number: 1 to 10,000.
    ///
    /// Content whose length is not known is collected in memory first.
    ///
    /// # Errors
    /// `NotFound` if the upload does not exist, or was completed or aborted. `InvalidArgument` if
    /// the number is not valid or the content ends early.
    pub async fn upload_part(
        &self,
        number: u16,
        content: impl Into<Content<'_>>,
    ) -> Result<UploadedPart> {
        let content = content.into();
        let part = self.core.upload_part(&self.key, &self.id, number, content);
        Ok(UploadedPart {
            etag: part.await?,
            number,
        })
    }

    /// Makes the parts an object, in the order of their numbers.
    ///
    /// # Errors
    /// `NotFound` if the upload does not exist, or was completed or aborted. `InvalidArgument` if a
    /// part was not uploaded, if one but the last has less than 5 MiB or another size than the
    /// others, or if there are no parts; then the upload can continue.
    pub async fn complete(&self, parts: &[UploadedPart]) -> Result<ObjectInfo> {
        self.core.complete(&self.key, &self.id, parts).await
    }

    /// Aborts the upload, and deletes its parts. To abort it twice is not an error.
    ///
    /// # Errors
    /// See [`R2`](super::R2).
    pub async fn abort(&self) -> Result<()> {
        self.core.abort(&self.key, &self.id).await
    }
}
