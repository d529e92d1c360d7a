//! Numbers as people read them.

/// An integer with its thousands apart: `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count with its noun: `1 item`, `2,000 items`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A number of bytes in the unit that suits it: `312 B`, `4.0 KiB`, `17.1 MiB`.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1024.0;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if value < 1023.95 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

/// How many times `part` goes into `whole`, with two decimals; a dash where there is nothing to divide by.
#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
pub(crate) fn ratio(whole: u64, part: u64) -> String {
    if part == 0 { "-".to_owned() } else { format!("{:.2}", whole as f64 / part as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let shown: Vec<String> = [0, 7, 999, 1000, 171_075, 1_234_567].map(grouped).into();
        assert_eq!(shown, ["0", "7", "999", "1,000", "171,075", "1,234,567"]);
        assert_eq!((counted(1, "item"), counted(2000, "item")), ("1 item".to_owned(), "2,000 items".to_owned()));
    }

    #[test]
    fn bytes_take_the_unit_that_suits_them() {
        let shown: Vec<String> = [0, 1023, 1024, 1536, 1 << 20, (1 << 20) - 1, 5 << 30, u64::MAX].map(bytes).into();
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "1.0 MiB", "5.0 GiB", "16384.0 PiB"]);
        assert_eq!((ratio(3, 2), ratio(3, 0)), ("1.50".to_owned(), "-".to_owned()));
    }
}
