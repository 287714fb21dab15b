//! Hash lists as hotlines supply them: the entry record, and one importer for every wire format.
//!
//! An [`Importer`] takes a list from any [`std::io::BufRead`] and yields [`Entry`](crate::Entry) values one at a time. A bad record
//! never stops a list and never vanishes: it comes out as [`Quarantined`], with its line and the reason, and the
//! [`ImportReport`] accounts for every line.
//!
//! This room reads text. It sees no index, no pixels and no network, and no message of it repeats a text of the list.

mod csv;
mod error;
mod hex;
mod hsh;
mod import;
mod lines;
mod mapping;
mod ncmec;
mod report;
mod time;
mod value;
mod xml;

pub use error::{Degenerate, ListError, MappingError, QuarantineReason, Quarantined};
pub use import::{FeedPosition, ImportItem, ImportOptions, Importer, ListFormat};
pub use lines::MAX_LINE;
pub use mapping::{Column, ColumnsUsed, CsvField, CsvMapping};
pub use report::ImportReport;
pub use time::{format_time, parse_time};
