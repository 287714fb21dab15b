//! The numbers of the format and the validating reader of its header. `FORMAT.md` says what they mean.
//!
//! The header is read twice: as an [`UntrustedHeader`], which is only what the bytes say, and then as a [`Layout`],
//! every section of which is proved to lie inside the file.
#![doc = ""]
#![doc = include_str!("FORMAT.md")]

use std::ops::{Range, RangeInclusive};

use sha2::{Digest, Sha256};

use super::error::{CorruptIndex, OpenError};
use crate::hash::{ClassicAlgorithm, HashKind};
use crate::search::Chunks;

pub(super) const MAGIC: [u8; 8] = *b"\x89HSV\r\n\x1a\n";
pub(super) const VERSION: u16 = 2;
pub(super) const SUPPORTED: RangeInclusive<u16> = 1..=VERSION;

pub(super) const VERSION_OFFSET: usize = MAGIC.len();
pub(super) const FLAGS_OFFSET: usize = VERSION_OFFSET + 2;
pub(super) const SECTION_COUNT_OFFSET: usize = FLAGS_OFFSET + 2;
pub(super) const FILE_LEN_OFFSET: usize = SECTION_COUNT_OFFSET + 4;
pub(super) const RESERVED_OFFSET: usize = FILE_LEN_OFFSET + 8;
pub(super) const SECTION_TABLE_OFFSET: usize = RESERVED_OFFSET + 40;

pub(super) const SECTION_ROLE_OFFSET: usize = 0;
pub(super) const SECTION_KIND_OFFSET: usize = SECTION_ROLE_OFFSET + 2;
pub(super) const SECTION_RESERVED_OFFSET: usize = SECTION_KIND_OFFSET + 2;
pub(super) const SECTION_START_OFFSET: usize = SECTION_RESERVED_OFFSET + 4;
pub(super) const SECTION_LEN_OFFSET: usize = SECTION_START_OFFSET + 8;
pub(super) const SECTION_ITEMS_OFFSET: usize = SECTION_LEN_OFFSET + 8;
pub(super) const SECTION_CHECKSUM_OFFSET: usize = SECTION_ITEMS_OFFSET + 8;
pub(super) const SECTION_RECORD_LEN: usize = SECTION_CHECKSUM_OFFSET + CHECKSUM_LEN;

pub(super) const CHECKSUM_LEN: usize = 32;
pub(super) const SECTION_ALIGNMENT: u64 = 64;
/// Lists, entries, strings, and seven sections for each of at most 64 kinds.
pub(super) const MAX_SECTIONS: u32 = 3 + 7 * 64;

pub(super) const LIST_RECORD_LEN: usize = 64;
pub(super) const LIST_FLAGS_OFFSET: usize = 8;
pub(super) const LIST_ENTRY_COUNT_OFFSET: usize = LIST_FLAGS_OFFSET + 4;
pub(super) const LIST_LENGTHS_OFFSET: usize = LIST_ENTRY_COUNT_OFFSET + 4;
pub(super) const LIST_STRINGS_OFFSET: usize = LIST_LENGTHS_OFFSET + 4 * 4;
pub(super) const LIST_HAS_TIME: u32 = 1;

pub(super) const ENTRY_RECORD_LEN: usize = 32;
pub(super) const ENTRY_STATUS_OFFSET: usize = 4;
pub(super) const ENTRY_MEDIA_TYPE_OFFSET: usize = ENTRY_STATUS_OFFSET + 1;
pub(super) const ENTRY_QUALITY_OFFSET: usize = ENTRY_MEDIA_TYPE_OFFSET + 1;
pub(super) const ENTRY_RESERVED_OFFSET: usize = ENTRY_QUALITY_OFFSET + 1;
pub(super) const ENTRY_ID_OFFSET: usize = ENTRY_RESERVED_OFFSET + 1;
pub(super) const ENTRY_ID_LEN_OFFSET: usize = ENTRY_ID_OFFSET + 8;
pub(super) const ENTRY_ATTRIBUTES_LEN_OFFSET: usize = ENTRY_ID_LEN_OFFSET + 4;
pub(super) const ENTRY_ATTRIBUTES_OFFSET: usize = ENTRY_ATTRIBUTES_LEN_OFFSET + 4;
pub(super) const QUALITY_UNKNOWN: u8 = u8::MAX;

/// Perceptual hashes stand in groups of eight, a line of 64 bytes for each word.
pub(super) const GROUP: u64 = 8;
/// The bytes of a line: a word of a group.
pub(super) const LINE_LEN: usize = 64;
pub(super) const POSITION_LEN: usize = 4;
pub(super) const SIGNATURE_LEN: usize = 2;

pub(super) const CHUNK_COUNT_OFFSET: usize = 0;
pub(super) const CHUNK_FLAGS_OFFSET: usize = CHUNK_COUNT_OFFSET + 1;
pub(super) const CHUNK_RESERVED_OFFSET: usize = CHUNK_FLAGS_OFFSET + 1;
pub(super) const CHUNK_ORDER_OFFSET: usize = CHUNK_RESERVED_OFFSET + 6;
pub(super) const HASHES_ARE_EVEN: u8 = 1;
pub(super) const MAX_ENTRY_ID_LEN: usize = 4096;
pub(super) const MAX_ATTRIBUTES_LEN: usize = 1 << 18;
pub(super) const MAX_LISTS: u32 = 1 << 16;
pub(super) const MAX_LIST_TEXTS_LEN: usize = 1 << 24;

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Lists,
    Entries,
    Strings,
    Hashes,
    AssertionStarts,
    Assertions,
    Chunks,
    Directories,
    Signatures,
    TableIds,
}

impl Role {
    const ALL: [Self; 10] = [
        Self::Lists,
        Self::Entries,
        Self::Strings,
        Self::Hashes,
        Self::AssertionStarts,
        Self::Assertions,
        Self::Chunks,
        Self::Directories,
        Self::Signatures,
        Self::TableIds,
    ];

    pub(super) const fn code(self) -> u16 {
        match self {
            Self::Lists => 1,
            Self::Entries => 2,
            Self::Strings => 3,
            Self::Hashes => 4,
            Self::AssertionStarts => 5,
            Self::Assertions => 6,
            Self::Chunks => 7,
            Self::Directories => 8,
            Self::Signatures => 9,
            Self::TableIds => 10,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Lists => "lists",
            Self::Entries => "entries",
            Self::Strings => "strings",
            Self::Hashes => "hashes",
            Self::AssertionStarts => "assertion starts",
            Self::Assertions => "assertions",
            Self::Chunks => "chunks",
            Self::Directories => "directories",
            Self::Signatures => "signatures",
            Self::TableIds => "table ids",
        }
    }
}

pub(super) const fn kind_code(kind: HashKind) -> u16 {
    match kind {
        HashKind::Pdq => 1,
        HashKind::Md5 => 2,
        HashKind::Sha1 => 3,
        HashKind::Sha256 => 4,
        HashKind::Sha512 => 5,
        HashKind::Classic(kind) => {
            let algorithm = match kind.algorithm() {
                ClassicAlgorithm::Mean => 16,
                ClassicAlgorithm::Gradient => 20,
                ClassicAlgorithm::VerticalGradient => 24,
                ClassicAlgorithm::DoubleGradient => 28,
                ClassicAlgorithm::Blockhash => 32,
            };
            algorithm + if kind.has_dct() { 2 } else { 0 } + if kind.side() == 16 { 1 } else { 0 }
        }
    }
}

pub(super) fn kind_of_code(code: u16) -> Option<HashKind> {
    let mut kinds = HashKind::ALL.into_iter();
    kinds.find(|&kind| kind_code(kind) == code)
}

/// Returns how many words of 8 bytes a stored value of a perceptual kind has: 1, 3 or 4. Digests are stored as bytes.
pub(super) const fn words_of(kind: HashKind) -> usize {
    kind.byte_len().div_ceil(8)
}

/// Returns the length of a hashes section of `count` values, or `None` if it cannot be counted.
pub(super) fn hashes_len(kind: HashKind, count: u64) -> Option<u64> {
    if kind.is_perceptual() {
        let stored = count.checked_next_multiple_of(GROUP)?;
        stored.checked_mul(words_of(kind) as u64 * 8)
    } else {
        count.checked_mul(kind.byte_len() as u64)
    }
}

/// Reads `N` bytes at an offset that the caller has proved to be inside.
pub(super) fn bytes_at<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    let mut read = [0; N];
    read.copy_from_slice(&bytes[offset..offset + N]);
    read
}

pub(super) fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes(bytes_at(bytes, offset))
}

pub(super) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, offset))
}

pub(super) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, offset))
}

/// One section as the table describes it.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) role: Role,
    pub(super) kind: Option<HashKind>,
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) count: u64,
    pub(super) checksum: [u8; CHECKSUM_LEN],
}

impl Section {
    pub(super) fn write(&self, table: &mut Vec<u8>) {
        table.extend(self.role.code().to_le_bytes());
        table.extend(self.kind.map_or(0, kind_code).to_le_bytes());
        table.extend([0; SECTION_START_OFFSET - SECTION_RESERVED_OFFSET]);
        table.extend(self.offset.to_le_bytes());
        table.extend(self.len.to_le_bytes());
        table.extend(self.count.to_le_bytes());
        table.extend(self.checksum);
    }

    fn read(record: &[u8], number: u64) -> Result<Self, CorruptIndex> {
        let wrong = |what| CorruptIndex::new("header", number, what);
        if u32_at(record, SECTION_RESERVED_OFFSET) != 0 {
            return Err(wrong("reserved bytes of a section are not zero"));
        }
        let role_code = u16_at(record, SECTION_ROLE_OFFSET);
        let role = Role::ALL.into_iter().find(|role| role.code() == role_code);
        let role = role.ok_or_else(|| wrong("a section has an unknown role"))?;
        let code = u16_at(record, SECTION_KIND_OFFSET);
        let kind = kind_of_code(code);
        if code != 0 && kind.is_none() {
            return Err(wrong("a section has an unknown hash kind"));
        }
        Ok(Self {
            role,
            kind,
            offset: u64_at(record, SECTION_START_OFFSET),
            len: u64_at(record, SECTION_LEN_OFFSET),
            count: u64_at(record, SECTION_ITEMS_OFFSET),
            checksum: bytes_at(record, SECTION_CHECKSUM_OFFSET),
        })
    }

    /// Returns where the section lies in a file that holds it.
    pub(super) fn range(&self) -> Range<usize> {
        // `Layout::read` proved both ends to be inside the mapped bytes, whose length is a `usize`.
        let start = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let len = usize::try_from(self.len).unwrap_or(usize::MAX);
        start..start.saturating_add(len)
    }

    /// Returns the length that goes with the count, or `None` if there is none.
    pub(super) fn expected_len(&self) -> Option<u64> {
        let record_len = match (self.role, self.kind) {
            (Role::Lists, _) => LIST_RECORD_LEN,
            (Role::Entries, _) => ENTRY_RECORD_LEN,
            (Role::Strings, _) => 1,
            (Role::Hashes, Some(kind)) => return hashes_len(kind, self.count),
            (Role::Hashes, None) => return None,
            (Role::AssertionStarts | Role::Assertions | Role::TableIds, _) => POSITION_LEN,
            (Role::Directories, _) => POSITION_LEN,
            (Role::Signatures, _) => SIGNATURE_LEN,
            (Role::Chunks, _) => return self.count.checked_add(CHUNK_ORDER_OFFSET as u64),
        };
        self.count.checked_mul(record_len as u64)
    }
}

/// The sections of one kind.
#[derive(Clone, Debug)]
pub(super) struct KindSections {
    pub(super) kind: HashKind,
    pub(super) hashes: Section,
    pub(super) starts: Section,
    pub(super) assertions: Section,
    pub(super) tables: Option<TableSections>,
}

/// The sections of a kind's multi-index tables.
#[derive(Clone, Debug)]
pub(super) struct TableSections {
    pub(super) chunks: Section,
    pub(super) directories: Section,
    pub(super) signatures: Section,
    pub(super) ids: Section,
    /// What the first of them says.
    pub(super) cut: Box<Chunks>,
    pub(super) hashes_are_even: bool,
}

/// What the first bytes of a file say, before any of it is believed.
struct UntrustedHeader {
    version: u16,
    section_count: u32,
    file_len: u64,
}

impl UntrustedHeader {
    fn read(file: &[u8]) -> Result<Self, OpenError> {
        if file.len() < MAGIC.len() || file[..MAGIC.len()] != MAGIC {
            return Err(OpenError::NotAnIndex);
        }
        if file.len() < SECTION_TABLE_OFFSET {
            return Err(OpenError::WrongLength {
                expected: SECTION_TABLE_OFFSET as u64,
                found: file.len() as u64,
            });
        }
        let version = u16_at(file, VERSION_OFFSET);
        if !SUPPORTED.contains(&version) {
            return Err(OpenError::UnsupportedVersion {
                found: version,
                newest: VERSION,
            });
        }
        let flags = u16_at(file, FLAGS_OFFSET);
        if flags != 0 {
            return Err(OpenError::UnknownFlags { found: flags });
        }
        Ok(Self {
            version,
            section_count: u32_at(file, SECTION_COUNT_OFFSET),
            file_len: u64_at(file, FILE_LEN_OFFSET),
        })
    }
}

/// Where everything is, proved to be inside the file.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) lists: Section,
    pub(super) entries: Section,
    pub(super) strings: Section,
    /// In ascending order of kind; each kind at most once.
    pub(super) kinds: Vec<KindSections>,
    /// The header checksum.
    pub(super) identity: [u8; CHECKSUM_LEN],
    pub(super) version: u16,
}

impl Layout {
    /// Returns the layout of a file. O(1) in the number of entries: only the header is read. Never panics.
    ///
    /// The order of the checks: first that this is an index of a known version, then that it is whole, then that its
    /// header is undamaged, and only then what the header says.
    pub(super) fn read(file: &[u8]) -> Result<Self, OpenError> {
        let header = UntrustedHeader::read(file)?;
        let wrong = |what| CorruptIndex::new("header", 0, what);
        if !(3..=MAX_SECTIONS).contains(&header.section_count) {
            return Err(wrong("the number of sections is out of range").into());
        }
        let table_len = header.section_count as usize * SECTION_RECORD_LEN;
        let checksum_offset = SECTION_TABLE_OFFSET + table_len;
        let header_len = checksum_offset + CHECKSUM_LEN;
        if header.file_len != file.len() as u64 || file.len() < header_len {
            return Err(OpenError::WrongLength {
                expected: header.file_len.max(header_len as u64),
                found: file.len() as u64,
            });
        }
        let identity: [u8; CHECKSUM_LEN] = bytes_at(file, checksum_offset);
        if identity != *Sha256::digest(&file[..checksum_offset]) {
            return Err(wrong("the header does not have its checksum").into());
        }
        if file[RESERVED_OFFSET..SECTION_TABLE_OFFSET]
            .iter()
            .any(|&b| b != 0)
        {
            return Err(wrong("reserved bytes are not zero").into());
        }
        let mut sections = Vec::with_capacity(header.section_count as usize);
        let records = file[SECTION_TABLE_OFFSET..checksum_offset].chunks_exact(SECTION_RECORD_LEN);
        for (number, record) in (0..).zip(records) {
            sections.push(Section::read(record, number)?);
        }
        check_places(&sections, header_len as u64, header.file_len)?;
        Self::assemble(file, header.version, sections, identity).map_err(OpenError::from)
    }

    /// Puts sections, whose places are proved, under their names.
    fn assemble(
        file: &[u8],
        version: u16,
        sections: Vec<Section>,
        identity: [u8; CHECKSUM_LEN],
    ) -> Result<Self, CorruptIndex> {
        let wrong = |what| CorruptIndex::new("header", 0, what);
        let mut sections = sections.into_iter().peekable();
        let mut next = |role, kind| {
            sections
                .next()
                .filter(|section| section.role == role && section.kind == kind)
                .ok_or_else(|| wrong("a section is missing or out of order"))
        };
        let lists = next(Role::Lists, None)?;
        let entries = next(Role::Entries, None)?;
        let strings = next(Role::Strings, None)?;
        if lists.count > u64::from(MAX_LISTS) {
            return Err(wrong("there are more lists than the format allows"));
        }
        if entries.count > u64::from(u32::MAX) {
            return Err(wrong("there are more entries than the format allows"));
        }
        let mut kinds: Vec<KindSections> = Vec::new();
        while let Some(hashes) = sections.next() {
            let kind = hashes
                .kind
                .filter(|_| hashes.role == Role::Hashes)
                .filter(|&kind| {
                    kinds
                        .last()
                        .is_none_or(|last| kind_code(last.kind) < kind_code(kind))
                })
                .ok_or_else(|| wrong("a section is missing or out of order"))?;
            let mut next = |role| {
                sections
                    .next()
                    .filter(|section| section.role == role && section.kind == Some(kind))
                    .ok_or_else(|| wrong("a section is missing or out of order"))
            };
            let starts = next(Role::AssertionStarts)?;
            let assertions = next(Role::Assertions)?;
            let limit = u64::from(u32::MAX);
            if hashes.count == 0 || hashes.count > limit || assertions.count > limit {
                return Err(wrong("a kind has no hashes or more than the format allows"));
            }
            if starts.count != hashes.count + 1 || assertions.count < hashes.count {
                return Err(wrong("hashes and assertions do not fit together"));
            }
            let mut tables = None;
            let has_tables = |section: &Section| {
                section.role == Role::Chunks && section.kind == Some(kind) && version > 1
            };
            if let Some(chunks) = sections.next_if(has_tables) {
                let mut next = |role| {
                    sections
                        .next()
                        .filter(|section| section.role == role && section.kind == Some(kind))
                        .ok_or_else(|| wrong("a section is missing or out of order"))
                };
                let directories = next(Role::Directories)?;
                let signatures = next(Role::Signatures)?;
                let ids = next(Role::TableIds)?;
                let (cut, hashes_are_even) = read_chunks(&chunks, file, kind)?;
                let entries = hashes.count * cut.count() as u64;
                if directories.count != cut.directory_entries() as u64
                    || signatures.count != entries
                    || ids.count != entries
                {
                    return Err(wrong("hashes and tables do not fit together"));
                }
                tables = Some(TableSections {
                    chunks,
                    directories,
                    signatures,
                    ids,
                    cut: Box::new(cut),
                    hashes_are_even,
                });
            }
            kinds.push(KindSections {
                kind,
                hashes,
                starts,
                assertions,
                tables,
            });
        }
        Ok(Self {
            lists,
            entries,
            strings,
            kinds,
            identity,
            version,
        })
    }

    /// Returns where the header ends.
    pub(super) fn header_len(&self) -> usize {
        SECTION_TABLE_OFFSET + self.sections().count() * SECTION_RECORD_LEN + CHECKSUM_LEN
    }

    /// Returns all sections in file order.
    pub(super) fn sections(&self) -> impl Iterator<Item = &Section> {
        let kinds = self.kinds.iter().flat_map(|kind| {
            let tables = kind.tables.iter();
            let tables = tables.flat_map(|tables| {
                [
                    &tables.chunks,
                    &tables.directories,
                    &tables.signatures,
                    &tables.ids,
                ]
            });
            [&kind.hashes, &kind.starts, &kind.assertions]
                .into_iter()
                .chain(tables)
        });
        [&self.lists, &self.entries, &self.strings]
            .into_iter()
            .chain(kinds)
    }
}

/// Reads a chunks section, whose place is proved: how hashes are cut, and whether all have an even number of ones.
fn read_chunks(
    section: &Section,
    file: &[u8],
    kind: HashKind,
) -> Result<(Chunks, bool), CorruptIndex> {
    let wrong = |what| CorruptIndex::new("chunks", 0, what);
    let bytes = file.get(section.range()).unwrap_or(&[]);
    if !kind.is_perceptual() || section.count != u64::from(kind.bits()) {
        return Err(wrong(
            "the order of bits is not that of as many bits as the kind has",
        ));
    }
    let flags = bytes[CHUNK_FLAGS_OFFSET];
    let reserved = &bytes[CHUNK_RESERVED_OFFSET..CHUNK_ORDER_OFFSET];
    if flags & !HASHES_ARE_EVEN != 0 || reserved.iter().any(|&byte| byte != 0) {
        return Err(wrong("unknown flags"));
    }
    let count = usize::from(bytes[CHUNK_COUNT_OFFSET]);
    let cut = Chunks::new(&bytes[CHUNK_ORDER_OFFSET..], count);
    let cut =
        cut.ok_or_else(|| wrong("the order of bits or the number of chunks is not possible"))?;
    Ok((cut, flags & HASHES_ARE_EVEN != 0))
}

/// Checks that sections follow one another without gap or overlap from the header to the end of the file, and that
/// each is as long as its count says.
fn check_places(sections: &[Section], header_len: u64, file_len: u64) -> Result<(), CorruptIndex> {
    let mut end = header_len;
    for (number, section) in (0..).zip(sections) {
        let wrong = |what| CorruptIndex::new("header", number, what);
        if Some(section.offset) != end.checked_next_multiple_of(SECTION_ALIGNMENT) {
            return Err(wrong("a section is not where the one before it ends"));
        }
        if Some(section.len) != section.expected_len() {
            return Err(wrong("a section's length does not fit its count"));
        }
        end = section
            .offset
            .checked_add(section.len)
            .filter(|&end| end <= file_len)
            .ok_or_else(|| wrong("a section reaches past the end of the file"))?;
    }
    if end != file_len {
        return Err(CorruptIndex::new(
            "header",
            0,
            "the file goes on after its last section",
        ));
    }
    Ok(())
}
