//! What checks the pages of one run: a checksum for each, or a tag that also proves that the key's owner wrote it.
//!
//! In an encrypted run an encryption header follows the header, and all behind it is encrypted in its place, page by page
//! and the footer by itself. What would be checksums are the tags of the pages. The nonce of a page is its offset. The footer
//! says how long each section is, so that nothing can be left out: a page has one content only that its tag proves, since
//! a run is written once and no other run has its key.

use super::format::{FOOTER_CONTENT_BYTES, Footer, HEADER_BYTES, Identity, Plan, u32_at};
use crate::{
    cipher::{FileCipher, Part, TAG_BYTES},
    error::Result,
    format::{
        header::HeaderFault,
        protection::{ENCRYPTION_HEADER_BYTES, Protection},
    },
    manifest::RunMeta,
};

/// Bytes of the longest header of a run.
pub(super) const MAX_HEADER_BYTES: usize = HEADER_BYTES + ENCRYPTION_HEADER_BYTES;
/// Bytes of a checksum.
pub(super) const CRC_BYTES: usize = 4;

/// Bytes of the footer of a run.
pub(super) fn footer_bytes(is_encrypted: bool) -> u64 {
    (FOOTER_CONTENT_BYTES + if is_encrypted { TAG_BYTES } else { CRC_BYTES }) as u64
}

/// Protects or checks the pages of one run.
#[derive(Clone, Debug)]
pub(super) struct PageProtection {
    identity: Identity,
    cipher: Option<FileCipher>,
    /// The end of the last page that was encrypted.
    encrypted_to: u64,
}

impl PageProtection {
    /// Begins a new run; also its first bytes. Errors: no randomness.
    pub(super) fn begin(identity: Identity, protection: &Protection) -> Result<(Self, Vec<u8>)> {
        let mut header = identity.encode_header(protection.is_encrypted()).to_vec();
        let begun = protection.encryption_header(Identity::MAGIC, identity.file, &header)?;
        let cipher = begun.map(|(encryption_header, cipher)| {
            header.extend_from_slice(&encryption_header);
            cipher
        });
        Ok((Self { identity, cipher, encrypted_to: 0 }, header))
    }
    /// Reads the first bytes of a run, as many as it has up to [`MAX_HEADER_BYTES`]; also its version. Errors: it is not
    /// the run that the manifest knows; damage.
    pub(super) fn read(
        identity: Identity,
        protection: &Protection,
        known: &RunMeta,
        bytes: &[u8],
    ) -> Result<(Self, u32)> {
        let head = bytes.get(..HEADER_BYTES).ok_or_else(|| identity.corrupt(0, "not the header of this run"))?;
        let (version, is_encrypted) = identity.check_header(head)?;
        let cipher = match is_encrypted {
            false => None,
            true => {
                let rest = bytes.get(HEADER_BYTES..).unwrap_or_default();
                let cipher = protection.open_header(Identity::MAGIC, identity.file, head, rest);
                Some(cipher.map_err(|fault| identity.corrupt(HEADER_BYTES as u64, reason(fault)))?)
            }
        };
        let found = cipher.as_ref().map_or((0, 0), |cipher| (cipher.generation(), cipher.mark()));
        if found != (known.generation, known.mark) {
            return Err(identity.corrupt(0, "it is not the file that the manifest names, but one of a copy"));
        }
        Ok((Self { identity, cipher, encrypted_to: 0 }, version))
    }

    /// Whether the run is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.cipher.is_some()
    }
    /// Generation of the database key; 0 if the run is not encrypted.
    pub(super) fn generation(&self) -> u32 {
        self.cipher.as_ref().map_or(0, FileCipher::generation)
    }
    /// By which the manifest knows the file; 0 if the run is not encrypted.
    pub(super) fn mark(&self) -> u64 {
        self.cipher.as_ref().map_or(0, FileCipher::mark)
    }
    /// Where the records begin.
    pub(super) fn records_at(&self) -> u64 {
        (if self.is_encrypted() { MAX_HEADER_BYTES } else { HEADER_BYTES }) as u64
    }
    /// Bytes of the sum of a page.
    pub(super) fn sum_bytes(&self) -> u64 {
        (if self.is_encrypted() { TAG_BYTES } else { CRC_BYTES }) as u64
    }

    /// Protects the page that is at `offset`, in place, and appends its sum. Errors: a page at this place was encrypted before.
    pub(super) fn protect_page(&mut self, offset: u64, page: &mut [u8], sums: &mut Vec<u8>) -> Result<()> {
        let Some(cipher) = &self.cipher else {
            sums.extend_from_slice(&self.identity.crc(offset, page).to_le_bytes());
            return Ok(());
        };
        let clear = self.clear_bytes(offset).min(page.len());
        if offset < self.encrypted_to {
            return Err(self.identity.corrupt(offset, "a page would be encrypted twice"));
        }
        let tag = cipher.encrypt(Part::Content, offset, &[], &mut page[clear..])?;
        self.encrypted_to = offset + page.len() as u64;
        sums.extend_from_slice(&tag);
        Ok(())
    }
    /// Bytes of a page that are not encrypted: the header.
    fn clear_bytes(&self, offset: u64) -> usize {
        if offset == 0 { MAX_HEADER_BYTES } else { 0 }
    }
    /// The footer as it is in the file, at `offset`.
    pub(super) fn protect_footer(&self, footer: &Footer, offset: u64) -> Result<Vec<u8>> {
        let Some(cipher) = &self.cipher else { return Ok(footer.encode(self.identity, offset).to_vec()) };
        let mut bytes = footer.encode_content().to_vec();
        let tag = cipher.encrypt(Part::Footer, offset, &[], &mut bytes)?;
        bytes.extend_from_slice(&tag);
        Ok(bytes)
    }

    /// Checks and decrypts, in place, the page that is at `offset`. `number` is that of its sum.
    pub(super) fn open_page(&self, number: u64, offset: u64, page: &mut [u8], sums: &[u8]) -> Result<()> {
        let Some(cipher) = &self.cipher else { return self.check_page(number, offset, page, sums) };
        let at = usize::try_from(number).ok().and_then(|number| number.checked_mul(TAG_BYTES));
        let tag = at.and_then(|at| sums.get(at..)?.first_chunk());
        let clear = self.clear_bytes(offset).min(page.len());
        if tag.is_some_and(|tag| cipher.decrypt(Part::Content, offset, &[], &mut page[clear..], tag)) {
            Ok(())
        } else {
            Err(self.identity.corrupt(offset, "a page is not what was written with the key"))
        }
    }
    /// Checks a page of a run that is not encrypted.
    pub(super) fn check_page(&self, number: u64, offset: u64, bytes: &[u8], sums: &[u8]) -> Result<()> {
        let sum = usize::try_from(number).ok().and_then(|number| u32_at(sums, number.checked_mul(CRC_BYTES)?));
        if sum == Some(self.identity.crc(offset, bytes)) {
            Ok(())
        } else {
            Err(self.identity.corrupt(offset, format!("checksum of {} bytes differs", bytes.len())))
        }
    }
    /// Reads the footer that is at `offset` of a run of that version.
    pub(super) fn open_footer(&self, bytes: &[u8], version: u32, offset: u64) -> Result<Footer> {
        let Some(cipher) = &self.cipher else { return Footer::decode(bytes, self.identity, version, offset) };
        let opened = bytes.split_last_chunk::<TAG_BYTES>().and_then(|(content, tag)| {
            let mut content = content.to_vec();
            cipher.decrypt(Part::Footer, offset, &[], &mut content, tag).then_some(content)
        });
        let forged = || self.identity.corrupt(offset, "the footer is not what was written with the key");
        let plan = Plan { version, records_at: self.records_at(), sum_bytes: self.sum_bytes() };
        Footer::decode_content(&opened.ok_or_else(forged)?, self.identity, plan, offset)
    }
}

fn reason(fault: HeaderFault) -> &'static str {
    match fault {
        HeaderFault::Locked => "it is encrypted, and there is no key for it",
        HeaderFault::Forged => "the header was written without the key of the database",
        HeaderFault::Damaged | HeaderFault::Newer | HeaderFault::Plain => "the header is unreadable",
    }
}
