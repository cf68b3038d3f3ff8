//! A node's record.

use ha_proto::{LONGEST_RECORD, NodeId, NodeRecord};

/// Words of records.
pub(crate) const WORDS: &[&str] = &[
    "\"nodeId\":",
    "\"n1\"",
    "\"nonce\":",
    "\"uri\":",
    "\"version\":",
    "\"status\":",
    "\"MASTER\"",
    "\"HOT_STANDBY\"",
    "\"priority\":",
    "\"localTimestamp\":",
    "\"beat\":",
    "\"leads\":",
    "\"seq\":",
    "\"wishesToLead\":",
    "\"pin\":",
    "\"timings\":",
    "\"heartbeatMs\":",
    "18446744073709551615",
    "-9223372036854775808",
    "1e999",
    "null",
    "true",
    "[[[[[[[[[[[[[[[[",
    "{\"a\":",
    "\\u0000",
    "\\ud800",
];

/// What is read is the same when it is written and read again; whatever is not says which object it is.
pub(crate) fn run(data: &[u8]) {
    let node = NodeId::new("n1").expect("a good name");
    match NodeRecord::parse(&node, data) {
        Ok(record) => {
            assert!(data.len() <= LONGEST_RECORD);
            let again = serde_json::to_vec(&record).expect("a record is plain data");
            if again.len() <= LONGEST_RECORD {
                let read = NodeRecord::parse(&node, &again).expect("what is written is read");
                assert_eq!(read, record);
            }
        }
        Err(error) => assert!(error.to_string().contains("nodes/n1"), "{error}"),
    }
}
