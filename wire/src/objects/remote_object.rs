//! One object of a bucket, as it is read and written: piece by piece, so that objects of any length need little memory.

use super::{
    ObjectWriter,
    calls::{Calls, ended},
    service::Problems,
};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::TryStreamExt;
use object_store::{Error, GetOptions, ObjectStore as Client, ObjectStoreExt, WriteMultipart, path::Path};
use std::{
    io::{self, Read, Write},
    sync::{Arc, mpsc},
};

/// Bytes of a piece that is read with one request. The next one is on its way while one is used.
const PIECE_BYTES: u64 = 8 << 20;
/// Bytes of a part that is written with one request. The services take 10,000 parts.
const PART_BYTES: usize = 8 << 20;
/// Parts that are on their way at a time.
const PARTS_AT_A_TIME: usize = 2;

/// An object that is read. A request reads one piece, so that slow use of the bytes lets no request take too long.
pub(super) struct RemoteReader {
    calls: Arc<Calls>,
    client: Arc<dyn Client>,
    path: Path,
    problems: Problems,
    /// The version that is read: pieces of two objects never mix.
    e_tag: Option<String>,
    bytes: u64,
    /// Where the piece ends that was asked for last.
    asked: u64,
    piece: Bytes,
    next: Option<mpsc::Receiver<object_store::Result<Option<Bytes>>>>,
    /// A piece is missing: the bytes behind it are not its end.
    has_failed: bool,
}

impl RemoteReader {
    /// Reads the first piece. Errors: `NotFound` if there is no such object, of the service.
    pub(super) fn open(
        calls: &Arc<Calls>,
        client: Arc<dyn Client>,
        path: Path,
        problems: Problems,
    ) -> io::Result<Self> {
        let (asked_client, asked_path) = (client.clone(), path.clone());
        let first = calls.wait(async move {
            let got = asked_client.get(&asked_path).await?;
            let (e_tag, bytes) = (got.meta.e_tag.clone(), got.meta.size);
            let mut piece = BytesMut::new();
            let mut stream = got.into_stream();
            while (piece.len() as u64) < PIECE_BYTES.min(bytes) {
                let Some(some) = stream.try_next().await? else { break };
                piece.extend_from_slice(&some);
            }
            Ok((e_tag, bytes, piece.freeze()))
        })?;
        let (e_tag, bytes, piece) = first.map_err(|error| problems.of(error))?;
        let asked = piece.len() as u64;
        let (calls, next, has_failed) = (calls.clone(), None, false);
        let mut reader = Self { calls, client, path, problems, e_tag, bytes, asked, piece, next, has_failed };
        reader.ask();
        Ok(reader)
    }

    /// Asks for the next piece, if there is one.
    fn ask(&mut self) {
        let (from, to) = (self.asked, self.bytes.min(self.asked + PIECE_BYTES));
        if from >= to {
            return;
        }
        let (client, path, e_tag) = (self.client.clone(), self.path.clone(), self.e_tag.clone());
        self.asked = to;
        self.next = Some(self.calls.begin(async move {
            let options = GetOptions { range: Some((from..to).into()), if_match: e_tag, ..GetOptions::default() };
            let piece = client.get_opts(&path, options).await?.bytes().await?;
            Ok((piece.len() as u64 == to - from).then_some(piece))
        }));
    }
}

impl Read for RemoteReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            if self.has_failed {
                return Err(io::Error::other(format!("a piece of {} was not read", self.path)));
            }
            let Some(next) = self.next.take() else { return Ok(0) };
            self.has_failed = true;
            let changed = || io::Error::other(format!("{} changed while it was read", self.path));
            let piece = next.recv().map_err(|_| ended())?.map_err(|error| match error {
                Error::Precondition { .. } => changed(),
                error => self.problems.of(error),
            })?;
            self.piece = piece.ok_or_else(changed)?;
            self.has_failed = false;
            self.ask();
        }
        let len = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..len]);
        Ok(len)
    }
}

/// An object that is written: with one request if it is short, else in parts, which become an object at the end.
pub(super) struct RemoteWriter {
    calls: Arc<Calls>,
    client: Arc<dyn Client>,
    path: Path,
    problems: Problems,
    part: BytesMut,
    upload: Option<WriteMultipart>,
    has_failed: bool,
}

impl RemoteWriter {
    pub(super) fn new(calls: Arc<Calls>, client: Arc<dyn Client>, path: Path, problems: Problems) -> Self {
        Self { calls, client, path, problems, part: BytesMut::new(), upload: None, has_failed: false }
    }

    /// Sends the part that is full.
    fn send(&mut self) -> io::Result<()> {
        let part = self.part.split().freeze();
        let (client, path, upload) = (self.client.clone(), self.path.clone(), self.upload.take());
        self.has_failed = true;
        let (upload, sent) = self.calls.wait(async move {
            let mut upload = match upload {
                Some(upload) => upload,
                None => match client.put_multipart(&path).await {
                    Ok(begun) => WriteMultipart::new_with_chunk_size(begun, PART_BYTES),
                    Err(error) => return (None, Err(error)),
                },
            };
            let sent = upload.wait_for_capacity(PARTS_AT_A_TIME).await;
            if sent.is_ok() {
                upload.put(part);
            }
            (Some(upload), sent)
        })?;
        self.upload = upload;
        sent.map_err(|error| self.problems.of(error))?;
        self.has_failed = false;
        Ok(())
    }
}

impl Write for RemoteWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.has_failed {
            return Err(io::Error::other(format!("a part of {} was not written", self.path)));
        }
        let len = bytes.len().min(PART_BYTES - self.part.len());
        self.part.extend_from_slice(&bytes[..len]);
        if self.part.len() == PART_BYTES {
            self.send()?;
        }
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ObjectWriter for RemoteWriter {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if self.has_failed {
            return Err(io::Error::other(format!("a part of {} was not written", self.path)));
        }
        let (client, path) = (self.client.clone(), self.path.clone());
        let (rest, upload) = (self.part.split().freeze(), self.upload.take());
        let finished = self.calls.wait(async move {
            match upload {
                None => client.put(&path, rest.into()).await.map(drop),
                Some(mut upload) => {
                    upload.put(rest);
                    upload.finish().await.map(drop)
                }
            }
        })?;
        finished.map_err(|error| self.problems.of(error))
    }
}

impl Drop for RemoteWriter {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take() {
            // Parts that stay because the service is not reached are no object; it removes them by its own rules.
            self.calls.begin(async move { upload.abort().await });
        }
    }
}
