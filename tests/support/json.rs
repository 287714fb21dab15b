//! What a program or a record says in JSON.
#![allow(unreachable_pub, reason = "some of the tests that share it export it")]

use serde_json::Value;

/// Returns the keys of an object, in order.
pub fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}
