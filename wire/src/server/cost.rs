//! Memory that a request takes, estimated before it is carried out.
//!
//! The estimate decides how many requests are carried out at once; when the answer is there, its size takes the place of the
//! estimate. A small request of one item costs nothing here: it is bounded by the number of connections.

/// Bodies up to this size are read and decoded without borrowing memory.
pub(super) const SMALL_BODY_BYTES: usize = 64 << 10;
/// What a byte of a body becomes when it is decoded, encoded for the log and the memtable, and copied on the way. Measured:
/// batches of 14.7 MB take 5.2 times as much beside the body.
const DECODED_BYTES_PER_BYTE: usize = 6;
/// Items of an answer become JSON that is larger than they are, in a buffer that doubles.
const ANSWER_BYTES_PER_BYTE: usize = 2;

/// Most bytes of an item.
const MAX_ITEM_BYTES: usize = 400 << 10;
/// Most actions of a transaction.
const MAX_ACTIONS: usize = 100;
/// What an action of a transaction says that wants its old item in a rejection.
const WANTS_OLD_ITEM: &[u8] = b"ALL_OLD";
/// What the escapes of its letters begin with.
const ESCAPED_LETTER: &[u8] = br"\u004";
const ESCAPED_LATE_LETTER: &[u8] = br"\u005";

/// Bytes to borrow for carrying out a request whose body has so many bytes, unpacked; `body` unless it came packed.
pub(super) fn of_request(target: &str, body: Option<&[u8]>, bytes: usize) -> usize {
    let decoded = if bytes <= SMALL_BODY_BYTES { 0 } else { bytes * DECODED_BYTES_PER_BYTE };
    decoded + most_answer_bytes(target, body) * ANSWER_BYTES_PER_BYTE
}

/// Bytes of items that an answer to an operation may hold, by DynamoDB's limits; 0 for one item.
fn most_answer_bytes(target: &str, body: Option<&[u8]>) -> usize {
    match target.rsplit('.').next().unwrap_or_default() {
        "TransactWriteItems" => most_old_items(body) * MAX_ITEM_BYTES,
        "ExecuteTransaction" => (4 << 20).max(most_old_items(body) * MAX_ITEM_BYTES),
        "BatchGetItem" | "BatchExecuteStatement" => 16 << 20,
        "TransactGetItems" => 4 << 20,
        "Query" | "Scan" | "GetRecords" | "ExecuteStatement" => 1 << 20,
        _ => 0,
    }
}

/// How many old items the error of a transaction may show.
fn most_old_items(body: Option<&[u8]>) -> usize {
    let Some(body) = body else { return MAX_ACTIONS };
    // JSON may have letters as escapes, which no usual encoder makes.
    if body.windows(ESCAPED_LETTER.len()).any(|part| part == ESCAPED_LETTER || part == ESCAPED_LATE_LETTER) {
        return MAX_ACTIONS;
    }
    body.windows(WANTS_OLD_ITEM.len()).filter(|part| *part == WANTS_OLD_ITEM).count().min(MAX_ACTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_requests_of_one_item_are_free() {
        assert_eq!(of_request("DynamoDB_20120810.PutItem", None, 1_000), 0);
        assert_eq!(of_request("DynamoDB_20120810.Query", None, 1_000), 2 << 20);
        assert_eq!(of_request("DynamoDBStreams_20120810.GetRecords", None, 1_000), 2 << 20);
        assert_eq!(of_request("DynamoDB_20120810.BatchWriteItem", None, 1 << 20), 6 << 20);
        assert_eq!(of_request("", None, 0), 0);
    }

    #[test]
    fn transactions_cost_the_old_items_that_their_refusals_may_show() {
        let target = "DynamoDB_20120810.TransactWriteItems";
        let plain: &[u8] = br#"{"TransactItems":[{"Put":{}},{"Put":{}}]}"#;
        assert_eq!(of_request(target, Some(plain), plain.len()), 0);
        let twice =
            br#"[{"ReturnValuesOnConditionCheckFailure":"ALL_OLD"},{"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}]"#;
        assert_eq!(of_request(target, Some(twice), twice.len()), 4 * MAX_ITEM_BYTES);
        let escaped = br#"[{"ReturnValuesOnConditionCheckFailure":"\u0041LL_OLD"}]"#;
        assert_eq!(of_request(target, Some(escaped), escaped.len()), 2 * MAX_ACTIONS * MAX_ITEM_BYTES);
        assert_eq!(of_request(target, None, 1_000), 2 * MAX_ACTIONS * MAX_ITEM_BYTES, "it cannot be seen yet");
    }
}
