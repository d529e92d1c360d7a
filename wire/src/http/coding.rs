//! Content codings: bodies that clients compress, and answers that they want compressed.
//!
//! The signature of a request covers its body as it was sent, so a body is unpacked behind the check; the checksum of
//! an answer covers what is sent, so it is taken behind the packing. What a body unpacks to is bounded like a body.

use super::MAX_BODY_BYTES;
use flate2::{
    Compression,
    bufread::{MultiGzDecoder, ZlibDecoder},
    write::{GzEncoder, ZlibEncoder},
};
use hyper::{HeaderMap, header};
use std::io::{self, Read, Write};

/// Smaller answers are not worth the work.
const MIN_PACKED_BYTES: usize = 4 << 10;

/// The most that both codings make of a byte: a match of 258 bytes takes at least two bits.
const MAX_DEFLATE_RATIO: usize = 1_032;

/// A way to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    /// The zlib format, which is what HTTP calls `deflate`.
    Deflate,
}

/// Why a body could not be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unpackable {
    TooLarge,
    Damaged,
    /// By a coding that is not known.
    Unknown,
}

impl Coding {
    fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            _ => None,
        }
    }

    /// How a request's body is compressed; none if it is not.
    pub(crate) fn of_body(headers: &HeaderMap) -> Result<Option<Self>, Unpackable> {
        let Some(name) = headers.get(header::CONTENT_ENCODING) else { return Ok(None) };
        let name = name.to_str().map_err(|_| Unpackable::Unknown)?;
        if name.trim().is_empty() || name.trim().eq_ignore_ascii_case("identity") {
            return Ok(None);
        }
        Self::named(name).map(Some).ok_or(Unpackable::Unknown)
    }

    /// The coding that a client likes best for its answer; none if it wants it plain.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let lists = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|list| list.to_str().ok());
        let mut best: Option<(f32, Self)> = None;
        for choice in lists.flat_map(|list| list.split(',')) {
            let (name, quality) = choice.split_once(';').unwrap_or((choice, ""));
            let quality = quality.trim().strip_prefix("q=").map_or(1.0, |text| text.parse().unwrap_or(0.0));
            let coding = if name.trim() == "*" { Some(Self::Gzip) } else { Self::named(name) };
            if let Some(coding) = coding
                && quality > best.map_or(0.0, |(known, _)| known)
            {
                best = Some((quality, coding));
            }
        }
        best.map(|(_, coding)| coding)
    }

    /// The name in a header.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// The most bytes that a body of `packed` bytes can unpack to.
    pub(crate) fn most_unpacked(packed: usize) -> usize {
        packed.saturating_mul(MAX_DEFLATE_RATIO).min(MAX_BODY_BYTES)
    }

    /// Unpacks a body; the size of what comes out is bounded by that of a body.
    pub(crate) fn unpack(self, packed: &[u8]) -> Result<Vec<u8>, Unpackable> {
        let mut plain = Vec::new();
        let most = MAX_BODY_BYTES as u64 + 1;
        let read = match self {
            Self::Gzip => MultiGzDecoder::new(packed).take(most).read_to_end(&mut plain),
            Self::Deflate => ZlibDecoder::new(packed).take(most).read_to_end(&mut plain),
        };
        match read {
            Ok(_) if plain.len() > MAX_BODY_BYTES => Err(Unpackable::TooLarge),
            Ok(_) => Ok(plain),
            Err(_) => Err(Unpackable::Damaged),
        }
    }

    /// An answer packed; none if that would not help.
    pub(crate) fn pack(self, plain: &[u8]) -> Option<Vec<u8>> {
        if plain.len() < MIN_PACKED_BYTES {
            return None;
        }
        let packed = self.compress(plain).ok()?;
        (packed.len() < plain.len()).then_some(packed)
    }

    fn compress(self, plain: &[u8]) -> io::Result<Vec<u8>> {
        let packed = Vec::with_capacity(plain.len() / 4);
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(packed, Compression::fast());
                encoder.write_all(plain)?;
                encoder.finish()
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(packed, Compression::fast());
                encoder.write_all(plain)?;
                encoder.finish()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn accepted(text: &'static str) -> Option<Coding> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(text));
        Coding::accepted(&headers)
    }

    #[test]
    fn the_best_liked_coding_is_taken() {
        for text in ["", "identity", "br", "gzip;q=0", "gzip;q=x", "gzip;q=0, deflate;q=0.0"] {
            assert_eq!(accepted(text), None, "{text}");
        }
        for text in ["gzip", "GZIP", "br, gzip;q=0.5", "deflate;q=0.2,gzip;q=0.3", "*", "gzip, deflate"] {
            assert_eq!(accepted(text), Some(Coding::Gzip), "{text}");
        }
        assert_eq!(accepted("gzip;q=0.1, deflate"), Some(Coding::Deflate));
    }

    #[test]
    fn a_body_of_an_unknown_coding_is_not_taken_for_plain() {
        let of_body = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(text));
            Coding::of_body(&headers)
        };
        assert_eq!(Coding::of_body(&HeaderMap::new()), Ok(None));
        assert_eq!((of_body(""), of_body(" Identity")), (Ok(None), Ok(None)));
        assert_eq!((of_body("gzip"), of_body("Deflate")), (Ok(Some(Coding::Gzip)), Ok(Some(Coding::Deflate))));
        for text in ["br", "garbage", "gzip, gzip"] {
            assert_eq!(of_body(text), Err(Unpackable::Unknown), "{text}");
        }
    }

    #[test]
    fn what_is_packed_comes_back() {
        let text = "some text ".repeat(1_000);
        for coding in [Coding::Gzip, Coding::Deflate] {
            let packed = coding.pack(text.as_bytes()).unwrap();
            assert!(packed.len() < text.len() / 10);
            assert_eq!(coding.unpack(&packed).unwrap(), text.as_bytes());
            assert_eq!(coding.unpack(&packed[..packed.len() - 1]), Err(Unpackable::Damaged));
            assert_eq!(coding.unpack(b"junk"), Err(Unpackable::Damaged));
            assert_eq!(coding.pack(b"short"), None);
            let bomb = coding.compress(&vec![b' '; MAX_BODY_BYTES + 1]).unwrap();
            assert_eq!(coding.unpack(&bomb), Err(Unpackable::TooLarge));
        }
        let twice = [Coding::Gzip.compress(b"a").unwrap(), Coding::Gzip.compress(b"b").unwrap()].concat();
        assert_eq!(Coding::Gzip.unpack(&twice).unwrap(), b"ab".as_slice());
    }
}
