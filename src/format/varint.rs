//! Numbers in as few bytes as they need: seven bits a byte, lowest first, the top bit set on all but the last.

/// Longest form of a 64-bit number.
const MAX_BYTES: usize = 10;
/// The top bits of eight bytes.
const CONTINUES: u64 = 0x8080_8080_8080_8080;

/// Appends a number.
#[inline]
pub fn put(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number from the front of `bytes`; `None` if there is none or it does not fit 64 bits.
#[inline]
pub fn take(bytes: &mut &[u8]) -> Option<u64> {
    let (number, rest) = match **bytes {
        [low, ref rest @ ..] if low < 0x80 => (u64::from(low), rest),
        [low, high, ref rest @ ..] if high < 0x80 => (u64::from(low & 0x7f) | u64::from(high) << 7, rest),
        _ => take_long(bytes)?,
    };
    *bytes = rest;
    Some(number)
}

#[inline(never)]
fn take_long(bytes: &[u8]) -> Option<(u64, &[u8])> {
    if let Some(word) = bytes.first_chunk().map(|word| u64::from_le_bytes(*word))
        && let ends @ 1.. = !word & CONTINUES
    {
        // Up to its last byte, the groups of seven bits move together.
        let last = ends.trailing_zeros() / 8;
        let groups = word & !CONTINUES & u64::MAX >> (56 - 8 * last);
        let pairs = groups & 0x007f_007f_007f_007f | (groups & 0x7f00_7f00_7f00_7f00) >> 1;
        let fours = pairs & 0x0000_3fff_0000_3fff | (pairs & 0x3fff_0000_3fff_0000) >> 2;
        let number = fours & 0x0fff_ffff | (fours & 0x0fff_ffff_0000_0000) >> 4;
        return Some((number, bytes.get(last as usize + 1..)?));
    }
    take_bytewise(bytes)
}

fn take_bytewise(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0u64;
    for (at, byte) in bytes.iter().take(MAX_BYTES).enumerate() {
        if at == MAX_BYTES - 1 && *byte > 1 {
            return None;
        }
        number |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            return Some((number, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let powers = (0..64).map(|bits| 1 << bits);
        for number in powers.flat_map(|power: u64| [power - 1, power, power | 0x5555 & (power - 1)]).chain([u64::MAX]) {
            let mut out = Vec::new();
            put(number, &mut out);
            for behind in [1, 9] {
                out.resize(out.len() + behind, 0xAA);
                let mut rest = &out[..];
                assert_eq!(take(&mut rest), Some(number));
                assert!(rest.iter().all(|byte| *byte == 0xAA) && rest.len() >= behind);
            }
        }
    }

    #[test]
    fn malformed_numbers_are_none() {
        assert_eq!(take(&mut &[][..]), None);
        assert_eq!(take(&mut &[0x80, 0x80][..]), None);
        assert_eq!(take(&mut &[0xff; 11][..]), None);
        assert_eq!(take(&mut &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2][..]), None);
    }
}
