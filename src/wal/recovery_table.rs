//! What recovery decides, as a table: every combination of facts about a segment is a row with a name and a decision.
//!
//! Three facts are established per segment: what its header says, what is where its readable records end, and whether
//! it is the last that counts. The first row that matches decides. A combination that no row names is damage, so a
//! forgotten case ends the opening and never loses a record.

/// What the header of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderFact {
    /// All as it should be.
    Good,
    /// No header, and nothing that vouches for one: the file was created, but its first sync never returned.
    Absent,
    /// It takes over from the segment before, but the opening that made it was never over: nothing counts in it.
    Abandoned,
    /// Not a header, though there was one: a frame behind it was written then, or the manifest knows the segment.
    Damaged,
    /// Written by a newer version, or with features that are not known here.
    Newer,
    /// It is encrypted, and there is no key for it.
    Locked,
    /// It is not encrypted, though it should be.
    Plain,
    /// It is encrypted, and its header was not written with the key.
    Forged,
    /// It has the key of the database, but it is not the segment that the manifest names, or it does not name the one before.
    Exchanged,
    /// Another database's segment.
    OtherDatabase,
    /// A segment with another number than its name says.
    OtherNumber,
    /// Its first record does not follow the last record of the segment before.
    OtherFirstRecord,
    /// There is no such file, but there are later ones.
    FileMissing,
}

/// What is where the readable records of a segment end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndFact {
    /// Not looked at, since the header is not good.
    Unread,
    /// The end that was recorded when an earlier recovery stopped here.
    RecordedEnd,
    /// An unreadable frame before the recorded end.
    BeforeRecordedEnd,
    /// A seal, then zeros or, in a file that was a segment before, bytes that no frame vouches for.
    Sealed,
    /// A seal, then bytes.
    BytesBehindSeal,
    /// Zeros, or the end of the file.
    Zeros,
    /// Bytes that no later frame vouches for.
    Unsettled,
    /// The same in a file that was a segment before: they may be of that one.
    OldBytes,
    /// An unreadable frame that was on stable storage, as a later frame or the manifest says.
    Vouched,
    /// An intact record with another number than the next.
    OutOfOrder,
}

/// What to do about a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It is complete; read the next, if there is one.
    Continue,
    /// The log ends here. Nothing more is written to this segment; its end must be recorded.
    EndHere,
    /// Do not open: the bytes are not what was written.
    Damaged(&'static str),
    /// Do not open: this version cannot read it.
    Refuse(&'static str),
}

/// A row. `None` matches every fact.
#[derive(Debug)]
pub(super) struct Case {
    /// What messages and tests call it.
    pub(super) name: &'static str,
    header: Option<HeaderFact>,
    end: Option<EndFact>,
    is_last: Option<bool>,
    decision: Decision,
}

const fn case(
    name: &'static str,
    header: Option<HeaderFact>,
    end: Option<EndFact>,
    is_last: Option<bool>,
    decision: Decision,
) -> Case {
    Case { name, header, end, is_last, decision }
}

use Decision::{Continue, Damaged, EndHere, Refuse};
use EndFact as E;
use HeaderFact as H;

/// The rows.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    // An end recorded at offset 0 belongs to a segment that never got a header, so it is asked for first.
    case("end recorded by an earlier recovery", None, Some(E::RecordedEnd), None,
        Continue),
    case("file missing", Some(H::FileMissing), None, None,
        Damaged("the segment is missing, but later ones exist")),
    case("newer version", Some(H::Newer), None, None,
        Refuse("it was written by a newer version of this crate")),
    case("no key", Some(H::Locked), None, None,
        Refuse("it is encrypted, and there is no key for it")),
    case("not encrypted", Some(H::Plain), None, None,
        Damaged("it is not encrypted, but the database is")),
    case("header written without the key", Some(H::Forged), None, None,
        Damaged("its header was written without the key of the database")),
    case("exchanged segment", Some(H::Exchanged), None, None,
        Damaged("it, or the segment before it, was exchanged for one of a copy of the database")),
    case("created but never synced", Some(H::Absent), None, Some(true),
        EndHere),
    case("abandoned by an opening", Some(H::Abandoned), None, Some(true),
        EndHere),
    case("abandoned, but later segments", Some(H::Abandoned), None, Some(false),
        Damaged("it takes over from a segment that goes on")),
    case("no header, but later segments", Some(H::Absent), None, Some(false),
        Damaged("the header is missing, but later segments exist")),
    case("damaged header", Some(H::Damaged), None, None,
        Damaged("the header is unreadable")),
    case("segment of another database", Some(H::OtherDatabase), None, None,
        Damaged("it belongs to another database")),
    case("segment with another number", Some(H::OtherNumber), None, None,
        Damaged("it carries another number than its name")),
    case("segment that does not follow", Some(H::OtherFirstRecord), None, None,
        Damaged("its first record does not follow the segment before")),
    case("sealed", Some(H::Good), Some(E::Sealed), None,
        Continue),
    case("bytes behind the seal", Some(H::Good), Some(E::BytesBehindSeal), None,
        Damaged("there are bytes behind the end of the segment")),
    case("damage before the recorded end", Some(H::Good), Some(E::BeforeRecordedEnd), None,
        Damaged("a record before the recorded end of the log is unreadable")),
    case("damage below a later frame", Some(H::Good), Some(E::Vouched), None,
        Damaged("a record that was safely stored is unreadable")),
    case("record out of order", Some(H::Good), Some(E::OutOfOrder), None,
        Damaged("a record has another number than the next")),
    case("clean end", Some(H::Good), Some(E::Zeros), Some(true),
        EndHere),
    case("torn tail", Some(H::Good), Some(E::Unsettled), Some(true),
        EndHere),
    case("end before old bytes", Some(H::Good), Some(E::OldBytes), Some(true),
        EndHere),
    case("unsealed before old bytes, but later segments", Some(H::Good), Some(E::OldBytes), Some(false),
        Damaged("the segment has no end, but later segments exist")),
    case("unsealed, but later segments", Some(H::Good), Some(E::Zeros), Some(false),
        Damaged("the segment has no end, but later segments exist")),
    case("damage in a sealed segment", Some(H::Good), Some(E::Unsettled), Some(false),
        Damaged("a record of a finished segment is unreadable")),
];

/// The row for these facts and its decision.
pub(super) fn decide(header: HeaderFact, end: EndFact, is_last: bool) -> (&'static str, Decision) {
    let row = CASES.iter().find(|case| {
        case.header.is_none_or(|fact| fact == header)
            && case.end.is_none_or(|fact| fact == end)
            && case.is_last.is_none_or(|fact| fact == is_last)
    });
    row.map_or(("unforeseen", Damaged("the segment is in a state that no crash leaves behind")), |case| {
        (case.name, case.decision)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: [HeaderFact; 12] = [
        H::Exchanged,
        H::Locked,
        H::Plain,
        H::Forged,
        H::Absent,
        H::Abandoned,
        H::Damaged,
        H::Newer,
        H::OtherDatabase,
        H::OtherNumber,
        H::OtherFirstRecord,
        H::FileMissing,
    ];
    const ENDS: [EndFact; 9] = [
        E::RecordedEnd,
        E::BeforeRecordedEnd,
        E::Sealed,
        E::BytesBehindSeal,
        E::Zeros,
        E::Unsettled,
        E::OldBytes,
        E::Vouched,
        E::OutOfOrder,
    ];

    /// Facts that occur: an end is looked at behind a good header only, except that a recorded end of 0 needs none.
    fn facts() -> impl Iterator<Item = (HeaderFact, EndFact, bool)> {
        let unread = HEADERS.iter().flat_map(|h| [(*h, E::Unread), (*h, E::RecordedEnd)]);
        let read = ENDS.iter().map(|e| (H::Good, *e));
        unread.chain(read).flat_map(|(h, e)| [(h, e, false), (h, e, true)])
    }

    #[test]
    fn every_combination_has_a_row_and_every_row_a_combination() {
        let mut used = std::collections::BTreeSet::new();
        for (header, end, is_last) in facts() {
            let (name, _) = decide(header, end, is_last);
            assert_ne!(name, "unforeseen", "{header:?} {end:?} {is_last}");
            used.insert(name);
        }
        for case in CASES {
            assert!(used.contains(case.name), "{} is never reached", case.name);
        }
    }

    #[test]
    fn only_the_last_segment_may_end_without_a_seal() {
        for (header, end, _) in facts() {
            assert_ne!(decide(header, end, false).1, EndHere, "{header:?} {end:?}");
        }
    }
}
