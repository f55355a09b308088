//! Images: inspection and transformation of images.
//!
//! <https://developers.cloudflare.com/images/transform-images/bindings/>

use serde::Deserialize;
use serde_json::{Value, json};

use super::connect_object;
use crate::backend;
use crate::error::Result;
use crate::observe::{Gate, Measures};
use crate::raw::decode;

/// The Images binding.
///
/// Covered: `info`, and `input` with transformations to one output. Drawing one image over another
/// is not covered.
#[derive(Debug, Clone)]
pub struct Images {
    gate: Gate,
    backend: backend::Object,
}

/// The format and size of an image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ImageInfo {
    /// The media type, such as `image/png`.
    pub format: String,
    /// The size in bytes; `None` for SVG.
    #[serde(default, rename = "fileSize")]
    pub file_size: Option<u64>,
    /// The width in pixels; `None` for SVG.
    #[serde(default)]
    pub width: Option<u32>,
    /// The height in pixels; `None` for SVG.
    #[serde(default)]
    pub height: Option<u32>,
}

connect_object!(Images, Images);

impl Images {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Returns the format and size of an image.
    ///
    /// # Errors
    /// `Unsupported` natively. On Workers, any error that the binding throws, for example if the
    /// bytes are not an image.
    ///
    /// # Examples
    /// ```
    /// # async fn f(images: &bindery::images::Images, photo: &[u8]) -> bindery::Result<()> {
    /// let info = images.info(photo).await?;
    /// println!("{} of width {:?}", info.format, info.width);
    /// # Ok(()) }
    /// ```
    pub async fn info(&self, image: &[u8]) -> Result<ImageInfo> {
        let work = async {
            let info = decode(self.backend.image_info(image).await?)?;
            let measures = Measures {
                bytes: Some(image.len() as u64),
                ..Measures::default()
            };
            Ok((info, measures.into()))
        };
        self.gate.pass("info", None, work).await
    }

    /// Applies transformations to an image in order, and returns the result in `format`.
    ///
    /// A transformation is a JSON object such as `{ "width": 64, "fit": "cover" }`. A format is a
    /// media type: `image/png`, `image/jpeg`, `image/webp` or `image/avif`.
    ///
    /// <https://developers.cloudflare.com/images/transform-images/transform-via-workers/>
    ///
    /// # Errors
    /// See [`info`](Self::info).
    ///
    /// # Examples
    /// ```
    /// # async fn f(images: &bindery::images::Images, photo: &[u8]) -> bindery::Result<()> {
    /// let small = serde_json::json!({ "width": 128, "height": 128, "fit": "cover" });
    /// let thumbnail: Vec<u8> = images.transform(photo, &[small], "image/webp").await?;
    /// # Ok(()) }
    /// ```
    pub async fn transform(
        &self,
        image: &[u8],
        transformations: &[Value],
        format: &str,
    ) -> Result<Vec<u8>> {
        let work = async {
            let options = json!({ "format": format });
            let output = self.backend.image(image, transformations, &options).await?;

            let measures = Measures {
                bytes: Some(output.len() as u64),
                ..Measures::default()
            };
            Ok((output, measures.into()))
        };
        self.gate.pass("transform", None, work).await
    }
}
