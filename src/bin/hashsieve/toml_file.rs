//! Reading TOML that a person wrote.
//!
//! What is wrong with it is told by its place and never by its text: a line of it may name an entry, and a list that is given by
//! mistake has hashes in every line.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::report::may_be_hash;

/// A name of this length or less may be told. The longest that is known is shorter.
const MAX_NAME: usize = 30;

/// Reads a file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::at(path, error))?;
    toml::from_str(&text).map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let place = before.map_or(String::new(), place_after);
        let what = without_values(error.message());
        Failure::at(path, format_args!("{place}{what}"))
    })
}

/// Returns whether a name may be told: it is none that could be a hash.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME && !may_be_hash(text)
}

/// Returns the line and the column that come after a text.
fn place_after(before: &str) -> String {
    let line = before.matches('\n').count() + 1;
    let begin = before.rfind('\n').map_or(0, |end| end + 1);
    let column = before[begin..].chars().count() + 1;
    format!("line {line}, column {column}: ")
}

/// Returns what is wrong without the value that is wrong.
fn without_values(message: &str) -> String {
    let expected = || message.rfind(", expected ").map_or("", |at| &message[at..]);
    for wrong in ["invalid type", "invalid value"] {
        if message.starts_with(wrong) {
            return format!("{wrong}{}", expected());
        }
    }
    for (wrong, instead) in [
        ("unknown field `", "a key that is not known"),
        ("unknown variant `", "a word that is not known"),
    ] {
        if let Some(rest) = message.strip_prefix(wrong) {
            let name = rest.strip_suffix(expected()).unwrap_or(rest);
            if !is_name(name.trim_end_matches('`')) {
                return format!("{instead}{}", expected());
            }
        }
    }
    message.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_and_what_could_be_a_hash_is_not() {
        let expected = ", expected `format` or `columns`";
        let digits = "5a".repeat(16);
        let long = "a name that nobody gave to a key of such a file";
        for (message, told) in [
            (format!("unknown field `colums`{expected}"), None),
            ("missing field `columns`".to_owned(), None),
            (
                format!("unknown field `{digits}`{expected}"),
                Some("a key that is not known"),
            ),
            (
                format!("unknown field `a`, expected `{digits}`{expected}"),
                Some("a key that is not known"),
            ),
            (
                format!("unknown field `{long}`{expected}"),
                Some("a key that is not known"),
            ),
            (
                format!("unknown variant `{}`{expected}", &digits[..16]),
                Some("a word that is not known"),
            ),
            (
                format!("invalid type: string \"{digits}\"{expected}"),
                Some("invalid type"),
            ),
        ] {
            let told = told.map_or(message.clone(), |told| format!("{told}{expected}"));
            assert_eq!(without_values(&message), told);
        }
    }
}
