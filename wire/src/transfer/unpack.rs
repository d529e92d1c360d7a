//! Objects without their compression.

use super::Compression;
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// The bytes of an object. An object without a byte has no record, whatever its compression is said to be.
pub(super) fn unpacked(object: impl Read + 'static, compression: Compression) -> io::Result<Box<dyn BufRead>> {
    let mut object = BufReader::with_capacity(BUFFER_BYTES, object);
    if object.fill_buf()?.is_empty() {
        return Ok(Box::new(object));
    }
    Ok(match compression {
        Compression::None => Box::new(object),
        Compression::Gzip => Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(object))),
        Compression::Zstd => Box::new(BufReader::with_capacity(BUFFER_BYTES, Zstd::new(object))),
    })
}

/// The numbers of frames that hold no data, without their last four bits.
const SKIPPED_FRAMES: u32 = 0x184d_2a50;

/// The frames of a zstd file, one after the other.
struct Zstd<R: Read> {
    state: ZstdState<R>,
}

/// A frame, whose first four bytes have been looked at.
type Frame<R> = StreamingDecoder<Chain<Cursor<[u8; 4]>, R>, FrameDecoder>;

enum ZstdState<R: Read> {
    Between(R),
    Inside(Box<Frame<R>>),
    Ended,
}

impl<R: BufRead> Zstd<R> {
    fn new(object: R) -> Self {
        Self { state: ZstdState::Between(object) }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            // After an error the file has ended.
            match std::mem::replace(&mut self.state, ZstdState::Ended) {
                ZstdState::Ended => return Ok(0),
                ZstdState::Between(object) => self.state = next_frame(object)?,
                ZstdState::Inside(mut frame) => {
                    let read = frame.read(bytes)?;
                    if read > 0 || bytes.is_empty() {
                        self.state = ZstdState::Inside(frame);
                        return Ok(read);
                    }
                    check(&frame.decoder)?;
                    self.state = ZstdState::Between(frame.into_inner().into_inner().1);
                }
            }
        }
    }
}

/// Errors: the checksum of the frame is not that of its content.
fn check(decoder: &FrameDecoder) -> io::Result<()> {
    match decoder.get_checksum_from_data() {
        Some(stated) if decoder.get_calculated_checksum() != Some(stated) => {
            Err(io::Error::new(io::ErrorKind::InvalidData, "the bytes of a zstd frame do not have its checksum"))
        }
        _ => Ok(()),
    }
}

/// Begins the next frame that holds data.
fn next_frame<R: BufRead>(mut object: R) -> io::Result<ZstdState<R>> {
    loop {
        if object.fill_buf()?.is_empty() {
            return Ok(ZstdState::Ended);
        }
        let (mut magic, mut length) = ([0; 4], [0; 4]);
        object.read_exact(&mut magic)?;
        if u32::from_le_bytes(magic) & !0xf != SKIPPED_FRAMES {
            let frame = StreamingDecoder::new(Cursor::new(magic).chain(object));
            let frame = frame.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
            return Ok(ZstdState::Inside(Box::new(frame)));
        }
        object.read_exact(&mut length)?;
        let length = u64::from(u32::from_le_bytes(length));
        if io::copy(&mut object.by_ref().take(length), &mut io::sink())? < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
