//! Hash lists as hotlines supply them: the entry record, and one importer for every wire format.
//!
//! An [`Importer`] takes a list from any [`std::io::BufRead`] and yields [`Entry`](crate::Entry) values one at a time. A bad record
//! never stops a list and never vanishes: it comes out as [`Quarantined`], with its line and the reason, and the
//! [`ImportReport`] accounts for every line.
//!
//! This room reads text. It sees no index, no pixels and no network, and no message of it repeats a text of the list.

mod column_map;
mod csv;
mod draft;
mod error;
mod feedback;
mod fields;
mod hex;
mod hsh;
mod icse;
mod import;
mod json;
mod json_list;
mod json_string;
mod json_value;
mod json_window;
mod lines;
mod mapped_json;
mod mapping;
mod ncmec;
mod nsrl;
mod report;
mod rows;
mod stopncii;
mod tech_against_terrorism;
mod threatexchange;
mod time;
mod value;
mod vics;
mod vpdq;
mod vpdq_json;
mod words;
mod xml;

pub use column_map::{ColumnMap, JsonMapping, MapFormat};
pub use error::{Degenerate, ListError, MappingError, QuarantineReason, Quarantined};
pub use fields::{Column, ColumnsUsed, CsvField};
pub use import::{FeedPosition, ImportItem, ImportOptions, Importer, ListFormat};
pub use json::MAX_JSON_RECORD;
pub use lines::MAX_LINE;
pub use mapping::CsvMapping;
pub use report::ImportReport;
pub use time::{format_time, parse_time};
pub use value::is_other_kind;
