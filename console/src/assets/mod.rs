//! The console's files, which are part of the program: one style sheet, htmx, and a small script of its own.
//!
//! The program has htmx compressed, in a third of its size. `htmx.min.js.gz` is made by `gzip -9nk htmx.min.js`.
//!
//! Imports: refusal, answer.

use crate::{
    answer::{self, Answer},
    refusal::Refusal,
};
use bytes::Bytes;
use flate2::bufread::GzDecoder;
use std::{io::Read, sync::LazyLock};

static HTMX: LazyLock<Bytes> = LazyLock::new(|| {
    let mut plain = Vec::new();
    // A test unpacks the same bytes, so this cannot fail.
    let _ = GzDecoder::new(&include_bytes!("htmx.min.js.gz")[..]).read_to_end(&mut plain);
    plain.into()
});

/// A file of the console, by its name.
pub(crate) fn file(name: &str) -> Result<Answer, Refusal> {
    if name == "htmx.js" {
        return Ok(answer::file("text/javascript; charset=utf-8", HTMX.clone()));
    }
    let (content_type, bytes): (_, &'static [u8]) = match name {
        "console.css" => ("text/css; charset=utf-8", include_bytes!("console.css")),
        "console.js" => ("text/javascript; charset=utf-8", include_bytes!("console.js")),
        "inside.css" => ("text/css; charset=utf-8", include_bytes!("inside.css")),
        "inside.js" => ("text/javascript; charset=utf-8", include_bytes!("inside.js")),
        "htmx.LICENSE" => ("text/plain; charset=utf-8", include_bytes!("htmx.LICENSE")),
        "icon.svg" => ("image/svg+xml", include_bytes!("icon.svg")),
        _ => return Err(Refusal::not_found("the console has no such file")),
    };
    Ok(answer::file(content_type, Bytes::from_static(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn htmx_is_unpacked_whole() {
        assert_eq!(HTMX[..], include_bytes!("htmx.min.js")[..]);
    }
}
