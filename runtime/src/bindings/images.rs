//! Images: looked at and transformed.
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
/// Covered: `info`, and `input` with transformations to one output. Drawing images over others is not.
#[derive(Debug, Clone)]
pub struct Images {
    gate: Gate,
    backend: backend::Object,
}

/// What an image is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ImageInfo {
    /// Its type: `image/png`, and so on.
    pub format: String,
    /// Its bytes; none for SVG.
    #[serde(default, rename = "fileSize")]
    pub file_size: Option<u64>,
    /// Its width in pixels; none for SVG.
    #[serde(default)]
    pub width: Option<u32>,
    /// Its height in pixels; none for SVG.
    #[serde(default)]
    pub height: Option<u32>,
}

connect_object!(Images, Images);

impl Images {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// What an image is.
    ///
    /// # Errors
    /// `Unsupported` natively; on Workers, when the bytes are no image.
    pub async fn info(&self, image: &[u8]) -> Result<ImageInfo> {
        let work = async {
            let info = decode(self.backend.image_info(image).await?)?;
            Ok((
                info,
                Measures {
                    bytes: Some(image.len() as u64),
                    ..Measures::default()
                },
            ))
        };
        self.gate.pass("info", None, work).await
    }

    /// Transforms an image, one transformation after the other (`{ "width": 64, "fit": "cover" }`), and gives it
    /// in a format: `image/png`, `image/jpeg`, `image/webp`, `image/avif`.
    ///
    /// # Errors
    /// As [`info`](Self::info).
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
            let output = self
                .backend
                .image(image, transformations, &json!({ "format": format }))
                .await?;
            let bytes = Some(output.len() as u64);
            Ok((
                output,
                Measures {
                    bytes,
                    ..Measures::default()
                },
            ))
        };
        self.gate.pass("transform", None, work).await
    }
}
