//! Where a JSON string ends.

use memchr::memchr2;

/// Strings shorter than this, most of them, are looked through eight bytes at a time, which costs less than a call of
/// `memchr2`.
const SHORT: usize = 32;

/// Returns where the quote stands that closes a string, and moves `at` behind it. `None` if it is not among the bytes; `at`
/// is then where to go on.
pub(super) fn string_end(bytes: &[u8], at: &mut usize) -> Option<usize> {
    loop {
        let rest = bytes.get(*at..).unwrap_or_default();
        let Some(next) = quote_or_escape(rest) else {
            *at = bytes.len();
            return None;
        };
        let found = *at + next;
        if rest[next] == b'"' {
            *at = found + 1;
            return Some(found);
        }
        *at = found;
        if found + 1 == bytes.len() {
            return None;
        }
        *at += 2;
    }
}

/// Returns where the first quote or backslash stands.
fn quote_or_escape(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    // The high bit of each byte that is zero; bytes above one that is may have it too, which does not matter for the first.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let (words, rest) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().take(SHORT / 8).enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ (ONES * b'"' as u64)) | zeros(word ^ (ONES * b'\\' as u64));
        if found != 0 {
            return Some(number * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    if words.len() >= SHORT / 8 {
        let far = memchr2(b'"', b'\\', &bytes[SHORT..])?;
        return Some(SHORT + far);
    }
    let is_end = |byte: &u8| matches!(byte, b'"' | b'\\');
    let end = rest.iter().position(is_end)?;
    Some(words.len() * 8 + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_escapes_are_found_where_a_plain_search_finds_them() {
        // Neighbours of the two in value, and bytes with the high bit set, are what a search by words may take for them.
        let others = [
            b'a', 0, b'!', b'#', b'[', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff,
        ];
        for length in 0..3 * SHORT {
            for (number, other) in others.iter().enumerate() {
                let plain = vec![*other; length];
                assert_eq!(quote_or_escape(&plain), None, "{length} {other}");
                for at in 0..length {
                    for wanted in [b'"', b'\\'] {
                        let mut bytes = plain.clone();
                        bytes[at] = wanted;
                        // Another one behind it changes nothing.
                        if number % 2 == 0 {
                            bytes[length - 1] = b'"';
                        }
                        assert_eq!(quote_or_escape(&bytes), Some(at), "{length} {at} {other}");
                    }
                }
            }
        }
    }
}
