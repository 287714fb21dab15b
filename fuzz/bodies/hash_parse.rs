//! Texts and bytes as hash values of every kind.
//!
//! Whatever is read is written back as the same value, no value has two spellings but for the case of hexadecimal
//! digits and base64's padding, and no error or `Debug` output holds the text.

use data_encoding::{BASE32, BASE64, BASE64_NOPAD};
use hashsieve::{HashKind, HashValue, Pdq};

/// Takes `data` once as a text and once as the bytes of a value.
pub fn body(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let kind = text.parse::<HashKind>();
        assert!(kind.is_err() || kind.is_ok_and(|kind| kind.name().eq_ignore_ascii_case(text)));
        for kind in HashKind::ALL {
            as_text(kind, text);
        }
    }
    for kind in HashKind::ALL {
        as_bytes(kind, data);
    }
}

fn as_text(kind: HashKind, text: &str) {
    let value = match HashValue::parse(kind, text) {
        Ok(value) => value,
        Err(error) => {
            // Shorter texts occur in messages by chance: "pdq", "2".
            let told = format!("{error} {error:?}");
            assert!(
                text.len() < 12 || !told.contains(text),
                "an error holds the text"
            );
            if kind == HashKind::Pdq {
                assert_eq!(Pdq::parse(text), Err(error));
            }
            return;
        }
    };
    let spellings = [
        value.to_hex(),
        BASE64.encode(value.as_bytes()),
        BASE64_NOPAD.encode(value.as_bytes()),
        BASE32.encode(value.as_bytes()),
    ];
    assert!(
        spellings[0] == text.to_ascii_lowercase() || spellings[1..].iter().any(|s| s == text),
        "a {kind} is read from a text that does not spell it"
    );
    check(value);
}

fn as_bytes(kind: HashKind, data: &[u8]) {
    let Some(bytes) = data.get(..kind.byte_len()) else {
        assert!(HashValue::from_bytes(kind, data).is_err());
        return;
    };
    let value = HashValue::from_bytes(kind, bytes).expect("the length is right");
    assert_eq!(value.as_bytes(), bytes);
    let other = match kind {
        HashKind::Pdq => Some(BASE64.encode(bytes)),
        HashKind::Sha1 => Some(BASE32.encode(bytes)),
        _ => None,
    };
    if let Some(text) = other {
        assert_eq!(HashValue::parse(kind, &text), Ok(value));
    }
    check(value);
}

/// Checks what holds of every value.
fn check(value: HashValue) {
    let kind = value.kind();
    let hex = value.to_hex();
    assert_eq!(value.as_bytes().len(), kind.byte_len());
    assert_eq!(hex.len(), 2 * kind.byte_len());
    assert_eq!(HashValue::parse(kind, &hex), Ok(value));
    assert_eq!(HashValue::parse(kind, &hex.to_ascii_uppercase()), Ok(value));
    assert_eq!(HashValue::from_bytes(kind, value.as_bytes()), Ok(value));
    assert!(!format!("{value:?}").contains(&hex));
    match Pdq::try_from(value) {
        Ok(pdq) => {
            assert_eq!(kind, HashKind::Pdq);
            assert_eq!(pdq.to_hex(), hex);
            assert_eq!(HashValue::from(pdq), value);
            assert_eq!(Pdq::from_words(pdq.words()), pdq);
            let zero = Pdq::from_words([0; 4]);
            assert_eq!(pdq.distance(&zero), pdq.count_ones());
            assert_eq!(value.distance(&zero.into()), Ok(pdq.count_ones()));
        }
        Err(_) if kind.is_perceptual() => assert_eq!(value.distance(&value), Ok(0)),
        Err(_) => assert!(value.distance(&value).is_err()),
    }
}
