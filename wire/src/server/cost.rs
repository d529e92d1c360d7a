//! Memory that a request takes, estimated before it is carried out.
//!
//! The estimate decides how many requests are carried out at once; when the answer is there, its size takes the place of the
//! estimate. A small request of one item costs nothing here: it is bounded by the number of connections.

/// Bodies up to this size are read and decoded without a loan.
pub(super) const SMALL_BODY_BYTES: usize = 64 << 10;
/// What a byte of a body becomes when it is decoded, encoded for the log and the memtable, and copied on the way. Measured:
/// batches of 14.7 MB take 5.2 times as much beside the body.
const DECODED_BYTES_PER_BYTE: usize = 6;
/// Items of an answer become JSON that is larger than they are, in a buffer that doubles.
const ANSWER_BYTES_PER_BYTE: usize = 2;

/// Bytes to borrow for carrying out a request of `body` bytes, unpacked.
pub(super) fn of_request(target: &str, body: usize) -> usize {
    let decoded = if body <= SMALL_BODY_BYTES { 0 } else { body * DECODED_BYTES_PER_BYTE };
    decoded + most_answer_bytes(target) * ANSWER_BYTES_PER_BYTE
}

/// Bytes of items that an answer to an operation may hold, by DynamoDB's limits; 0 for one item.
fn most_answer_bytes(target: &str) -> usize {
    match target.rsplit('.').next().unwrap_or_default() {
        "BatchGetItem" | "BatchExecuteStatement" => 16 << 20,
        "TransactGetItems" | "ExecuteTransaction" => 4 << 20,
        "Query" | "Scan" | "GetRecords" | "ExecuteStatement" => 1 << 20,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_requests_of_one_item_are_free() {
        assert_eq!(of_request("DynamoDB_20120810.PutItem", 1_000), 0);
        assert_eq!(of_request("DynamoDB_20120810.Query", 1_000), 2 << 20);
        assert_eq!(of_request("DynamoDBStreams_20120810.GetRecords", 1_000), 2 << 20);
        assert_eq!(of_request("DynamoDB_20120810.BatchWriteItem", 1 << 20), 6 << 20);
        assert_eq!(of_request("", 0), 0);
    }
}
