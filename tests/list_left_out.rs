//! Records that are kept out say which entry they are of, wherever that can be read, so that a list that is replaced does not
//! lose what it had. All ids are made up.

use hashsieve::HashKind;
use hashsieve::list::{ColumnMap, CsvMapping, ImportItem, ImportOptions, Importer, ListFormat};

#[path = "support/importing.rs"]
pub mod importing;
use importing::{hex, import};

/// Imports a list of which one record is kept out beside others, and returns the ids that are told of what was kept out.
fn told(format: ListFormat, text: &str, good: usize) -> Vec<Option<String>> {
    let out = import(format, text.as_bytes());
    assert!(out.error.is_none(), "{out:?}");
    assert_eq!(out.entries.len(), good, "{out:?}");
    let kept_out = out.kept_out.into_iter();
    kept_out.map(|kept_out| kept_out.entry_id).collect()
}

fn ids(ids: &[Option<&str>]) -> Vec<Option<String>> {
    ids.iter().map(|id| id.map(str::to_owned)).collect()
}

#[test]
fn rows_of_tables_do() {
    let md5 = hex(HashKind::Md5, 1);
    let text = format!(
        "pdq,md5,id,quality\nbad,,a,\nbad,{md5},b,\n,,c,\nbad,worse,d,900\n,{md5},e,\nbad,,,\n"
    );
    // Only where nothing of a record is left does its entry need to be kept.
    let expected = [Some("a"), None, Some("c"), None, None, Some("d"), None];
    let format = ListFormat::Csv(CsvMapping::default());
    assert_eq!(told(format, &text, 2), ids(&expected));
    let header = "MD5;SHA1;PhotoDNA;Image ID;Is distributed;Baseline";
    let text = format!("{header}\nbad;;;17;;\n{md5};;;18;;\n");
    assert_eq!(told(ListFormat::Icse, &text, 1), ids(&[Some("17")]));
}

#[test]
fn rows_that_are_no_rows_do_if_their_ids_can_be_found() {
    let md5 = hex(HashKind::Md5, 1);
    let text = format!(
        "id,md5,tags,status\na,{md5},x\nb,{md5},x,active,more\n,{md5},x\nc,{md5},\"x,active\nd,{md5},x,active\n"
    );
    let format = || ListFormat::Csv(CsvMapping::default());
    let expected = [Some("a"), Some("b"), None, Some("c")];
    assert_eq!(told(format(), &text, 1), ids(&expected));
    let mut bytes = format!("id,md5,tags\ne,{md5},caf").into_bytes();
    bytes.extend(b"\xe9\n");
    let out = import(format(), &bytes);
    assert_eq!(out.kept_out[0].entry_id.as_deref(), Some("e"));
    let header = "MD5;SHA1;PhotoDNA;Image ID;Is distributed;Baseline";
    let text = format!("{header}\n{md5};;;17;;;;x\n{md5};;;18;;\n");
    assert_eq!(told(ListFormat::Icse, &text, 1), ids(&[Some("17")]));
}

#[test]
fn records_that_lack_hashes_say_so() {
    let md5 = hex(HashKind::Md5, 1);
    let lacks = |format: ListFormat, text: &str| {
        let options = ImportOptions { format };
        let items = Importer::new(text.as_bytes(), &options).unwrap();
        let lacks: Vec<bool> = items
            .filter_map(|item| match item.unwrap() {
                ImportItem::Entry { lacks_hashes, .. } => Some(lacks_hashes),
                ImportItem::Quarantined(_) => None,
            })
            .collect();
        lacks
    };
    let text = format!("id,md5,sha1,quality\na,{md5},bad,\nb,{md5},,900\nc,{md5},,\n");
    let format = ListFormat::Csv(CsvMapping::default());
    assert_eq!(lacks(format, &text), [true, false, false]);
    let file = format!(
        r#"{{"odata.metadata": "https://example.org/1.3.xml/US", "value": [
        {{"MediaID": 1, "MD5": "{md5}", "SHA1": "bad"}},
        {{"MediaID": 2, "MD5": "{md5}", "SHA1": 17}},
        {{"MediaID": 3, "MD5": "{md5}", "AlternativeHashes": [{{"HashName": "SHA1", "HashValue": "bad"}}]}},
        {{"MediaID": 4, "MD5": "{md5}", "AlternativeHashes": {{"HashName": "SHA1"}}}},
        {{"MediaID": 5, "MD5": "{md5}", "AlternativeHashes": null, "Series": []}}
    ]}}"#
    );
    let format = ListFormat::Vics { region: None };
    assert_eq!(lacks(format, &file), [true, true, true, true, false]);
    let image = |hashes: &str| {
        format!("<image><member id=\"42\"/><id>x</id><fingerprints>{hashes}</fingerprints></image>")
    };
    let page = format!(
        "<queryResult><images>{}{}</images></queryResult>",
        image(&format!("<md5>{md5}</md5><sha1>bad</sha1>")),
        image(&format!("<md5>{md5}</md5>"))
    );
    assert_eq!(lacks(ListFormat::Ncmec, &page), [true, false]);
}

#[test]
fn a_row_that_was_to_withdraw_a_hash_that_cannot_be_read_does() {
    let format = ListFormat::Csv(CsvMapping::parse("id=1,hash=2,status=3").unwrap());
    let text = "id,hash,status\na,nonsense,withdrawn\n";
    assert_eq!(told(format, text, 0), ids(&[Some("a")]));
}

#[test]
fn records_in_json_do() {
    let md5 = hex(HashKind::Md5, 1);
    let page = r#"{"data": [
        {"id": "1", "indicator": "bad", "type": "HASH_PDQ", "descriptors": {"data": [{"status": "MALICIOUS"}]}},
        {"id": "2", "type": "HASH_PDQ", "descriptors": {"data": [{"status": "MALICIOUS"}]}},
        {"indicator": "bad", "type": "HASH_PDQ", "descriptors": {"data": [{"status": "MALICIOUS"}]}}
    ]}"#;
    let expected = ids(&[Some("1"), Some("2"), None]);
    assert_eq!(told(ListFormat::ThreatExchange, page, 0), expected);
    let page = r#"{"results": [
        {"id": 1, "hash_digest": "bad", "algorithm": "MD5", "deleted": false},
        {"id": 2, "algorithm": "MD5", "deleted": false}
    ]}"#;
    let expected = ids(&[Some("1"), Some("2")]);
    assert_eq!(told(ListFormat::TechAgainstTerrorism, page, 0), expected);
    let file = format!(
        r#"{{"odata.metadata": "https://example.org/1.3.xml/US", "value": [
        {{"MediaID": 1, "MD5": "bad"}},
        {{"MediaID": 2}},
        {{"MediaID": 0, "MD5": "bad"}},
        {{"MediaID": 4, "MD5": "{md5}", "SHA1": "bad"}}
    ]}}"#
    );
    let expected = ids(&[Some("1"), Some("2"), None, None]);
    let format = ListFormat::Vics { region: None };
    assert_eq!(told(format, &file, 1), expected);
    let map: ColumnMap =
        toml::from_str("format = 'json'\nrecords = 'all'\n[columns]\nid = 'a.id'\nmd5 = 'md5'\n")
            .unwrap();
    let file = r#"{"all": [{"a": {"id": 7}, "md5": "bad"}, {"md5": "bad"}]}"#;
    let expected = ids(&[Some("7"), None]);
    assert_eq!(told(map.to_format().unwrap(), file, 0), expected);
}

#[test]
fn records_in_xml_do() {
    let image = |id: &str, md5: &str| {
        format!(
            "<image><member id=\"42\">Example</member><id>{id}</id><fingerprints><md5>{md5}</md5></fingerprints></image>"
        )
    };
    let page = format!(
        "<queryResult><images>{}{}<image><fingerprints><md5>bad</md5></fingerprints></image></images></queryResult>",
        image("x", "bad"),
        image("y", &hex(HashKind::Md5, 1))
    );
    let expected = ids(&[Some("42-x"), None, None]);
    assert_eq!(told(ListFormat::Ncmec, &page, 1), expected);
}
