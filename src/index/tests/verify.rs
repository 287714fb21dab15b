//! What the check of everything sees that opening does not.

use super::*;

#[test]
fn every_rule_of_verify_fires() {
    let far = [0xff; 8];
    assert_eq!(verdict(LISTS, LIST_FLAGS_OFFSET, &[3]), "unknown flags");
    assert_eq!(
        verdict(LISTS, LIST_STRINGS_OFFSET, &far),
        "a text is not in the strings section"
    );
    let long = (MAX_LIST_TEXTS_LEN as u32 + 1).to_le_bytes();
    assert_eq!(
        verdict(LISTS, LIST_LENGTHS_OFFSET, &long),
        "the texts of lists are longer than the format allows"
    );
    assert_eq!(
        verdict(LISTS, LIST_ENTRY_COUNT_OFFSET, &[9]),
        "the list does not have as many entries as its record says"
    );
    assert_eq!(verdict(STRINGS, 0, &far), "a text is not UTF-8");
    let id = "the entry id is empty, too long or holds a zero byte";
    assert_eq!(verdict(STRINGS, 0, &[0]), id);
    assert_eq!(verdict(ENTRIES, ENTRY_ID_LEN_OFFSET, &[0]), id);
    let long = (MAX_ATTRIBUTES_LEN as u32 + 1).to_le_bytes();
    assert_eq!(
        verdict(ENTRIES, ENTRY_ATTRIBUTES_LEN_OFFSET, &long),
        "the attributes are longer than the format allows"
    );
    assert_eq!(verdict(ENTRIES, 0, &[1]), "there is no such list");
    assert_eq!(
        verdict(ENTRIES, ENTRY_STATUS_OFFSET, &[4]),
        "unknown status"
    );
    assert_eq!(
        verdict(ENTRIES, ENTRY_STATUS_OFFSET, &[3]),
        "a withdrawn entry asserts a hash"
    );
    assert_eq!(
        verdict(ENTRIES, ENTRY_MEDIA_TYPE_OFFSET, &[3]),
        "unknown media type"
    );
    assert_eq!(
        verdict(ENTRIES, ENTRY_QUALITY_OFFSET, &[101]),
        "quality above 100"
    );
    assert_eq!(
        verdict(ENTRIES, ENTRY_RESERVED_OFFSET, &[1]),
        "reserved byte is not zero"
    );
    assert_eq!(
        verdict(ENTRIES, ENTRY_ID_OFFSET, &far),
        "a text is not in the strings section"
    );
    assert_eq!(
        verdict(ENTRIES, ENTRY_ATTRIBUTES_OFFSET, &far),
        "a text is not in the strings section"
    );
    assert_eq!(
        verdict(ENTRIES, ENTRY_ATTRIBUTES_LEN_OFFSET, &[1]),
        "attributes end inside a field"
    );
    let second_id = ENTRY_RECORD_LEN + ENTRY_ID_OFFSET;
    assert_eq!(
        verdict(ENTRIES, second_id, &[0; 8]),
        "entries are not in ascending order"
    );
    assert_eq!(
        verdict(PDQ_HASHES, 3 * 64, &far),
        "hashes are not in ascending order"
    );
    assert_eq!(
        verdict(PDQ_HASHES, 2 * 8, &[1]),
        "what fills the last group up is not zero"
    );
    assert_eq!(
        verdict(MD5_HASHES, 0, &far),
        "hashes are not in ascending order"
    );
    assert_eq!(verdict(PDQ_ASSERTIONS, 0, &[7]), "there is no such entry");
    let last_start = 2 * POSITION_LEN;
    assert_eq!(
        verdict(PDQ_STARTS, last_start, &[9]),
        "the hash has no assertions in the file"
    );
    assert_eq!(
        verdict(PDQ_STARTS, last_start, &[2]),
        "the hash has no assertions in the file"
    );
}

#[test]
fn verify_sees_what_the_starts_leave_out_and_the_order_of_entries() {
    // One hash asserted by two entries: its assertions can be exchanged, or cut by the last start.
    let bytes = build(&[entry("a", &[md5(1)]), entry("b", &[md5(1)])]);
    let what = |section: usize, offset: usize, value: &[u8]| {
        let mut bytes = bytes.clone();
        let start = start_of(&bytes, section);
        set(&mut bytes, start + offset, value);
        reseal(&mut bytes);
        open(&bytes).unwrap().verify().unwrap_err().what
    };
    let (starts, assertions) = (4, 5);
    assert_eq!(
        what(starts, POSITION_LEN, &[1]),
        "the starts do not cover all assertions"
    );
    assert_eq!(
        what(starts, 0, &[1]),
        "the starts do not cover all assertions"
    );
    assert_eq!(
        what(assertions, 0, &[1, 0, 0, 0, 0]),
        "entries of a hash are not in ascending order"
    );
}

#[test]
fn verify_compares_checksums_and_padding() {
    let sound = small();
    let mut bytes = sound.clone();
    let start = start_of(&bytes, MD5_HASHES);
    bytes[start] ^= 1;
    let corrupt = open(&bytes).unwrap().verify().unwrap_err();
    assert_eq!(corrupt.what, "the section does not have its checksum");
    assert_eq!(corrupt.section, "hashes");
    let mut bytes = sound;
    bytes[start - 1] = 1;
    let corrupt = open(&bytes).unwrap().verify().unwrap_err();
    assert_eq!(corrupt.what, "padding before the section is not zero");
}
