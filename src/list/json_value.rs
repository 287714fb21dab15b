//! The values of JSON records, read leniently: a field of another type than documented is told, and costs itself only.
//!
//! Nothing here has `Debug` output, and of the messages of `serde_json`, which repeat the text, only the class is kept.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::error::QuarantineReason;
use super::time::{LAST_SECOND, parse_time};

/// The most items of a list within a record. It bounds memory, since an item takes more room here than in the text.
const MAX_ITEMS: usize = 4096;

/// What .NET writes for a time that was never set.
const UNSET_TIME: &str = "0001-01-01T00:00:00";

/// Parses a record. `name` is what its format calls the array of records.
pub(super) fn parse_record<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    name: &'static str,
) -> Result<T, QuarantineReason> {
    let text = std::str::from_utf8(bytes).map_err(|error| QuarantineReason::NotUtf8 {
        position: error.valid_up_to(),
    })?;
    serde_json::from_str(text).map_err(|error| match error.classify() {
        // A record that is no object, or has a field twice.
        Category::Data => QuarantineReason::BadField { field: name },
        Category::Syntax | Category::Eof | Category::Io => QuarantineReason::Malformed,
    })
}

/// Parses a field beside the records; what cannot be parsed is [`Scalar::Other`].
pub(super) fn parse_field(value: &[u8]) -> Scalar<'_> {
    serde_json::from_slice(value).unwrap_or(Scalar::Other)
}

/// A field that should hold one text, number or truth value.
#[derive(Clone, Default)]
pub(super) enum Scalar<'a> {
    /// It is missing or `null`.
    #[default]
    Null,
    Flag(bool),
    Whole(i64),
    Fraction(f64),
    Text(Cow<'a, str>),
    /// It holds something else, or a number too large to be told from its neighbours.
    Other,
}

impl Scalar<'_> {
    /// Returns the text without white space around it; `None` if it is none or empty.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// Returns the text, or the number as a text; `None` if it is neither or empty.
    pub(super) fn spelled(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Whole(number) => Some(number.to_string().into()),
            Self::Fraction(number) => Some(number.to_string().into()),
            _ => self.text().map(Cow::Borrowed),
        }
    }

    /// Returns the text or whole number that names something; `None` if it does not.
    pub(super) fn id(&self) -> Option<String> {
        match self {
            Self::Whole(number) => Some(number.to_string()),
            _ => self.text().map(str::to_owned),
        }
    }

    /// Returns whether the field says nothing: it is missing, `null`, or white space.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }

    /// Returns the truth value, no if the field says nothing; `None` if it says something else.
    pub(super) fn flag(&self) -> Option<bool> {
        let is =
            |text: &str, words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        match self {
            Self::Null | Self::Whole(0) => Some(false),
            Self::Flag(flag) => Some(*flag),
            Self::Whole(1) => Some(true),
            Self::Text(text) if is(text.trim(), ["true", "t", "yes", "1"]) => Some(true),
            Self::Text(text) if is(text.trim(), ["false", "f", "no", "0"]) => Some(false),
            Self::Text(text) if text.trim().is_empty() => Some(false),
            _ => None,
        }
    }

    /// Returns the seconds since 1970 of a number or a time in text; `Ok(None)` if the field says nothing.
    pub(super) fn time(&self) -> Result<Option<i64>, QuarantineReason> {
        let time = match self {
            Self::Null => return Ok(None),
            Self::Whole(seconds) => Some(*seconds),
            Self::Fraction(seconds) => whole_seconds(*seconds),
            Self::Text(text) => match text.trim() {
                "" => return Ok(None),
                text if text.starts_with(UNSET_TIME) => return Ok(None),
                text => parse_time(text).or_else(|| whole_seconds(text.parse().ok()?)),
            },
            Self::Flag(_) | Self::Other => None,
        };
        let time = time.filter(|seconds| (0..=LAST_SECOND).contains(seconds));
        time.map(Some).ok_or(QuarantineReason::BadTime)
    }
}

/// Returns the whole seconds of a time.
#[allow(
    clippy::cast_possible_truncation,
    reason = "the fraction is to be dropped, and what is out of range is refused by the caller"
)]
fn whole_seconds(seconds: f64) -> Option<i64> {
    seconds.is_finite().then_some(seconds.floor() as i64)
}

/// Visits of what is neither text nor array nor object: what `null` becomes, and what the rest becomes.
macro_rules! visit_others {
    ($null:expr, $other:expr) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("anything")
        }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok($null)
        }
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok($other)
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok($other)
        }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok($other)
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok($other)
        }
    };
}

/// Visits of texts, which are borrowed unless they hold escapes.
macro_rules! visit_texts {
    ($text:expr) => {
        fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
            Ok($text(Cow::Borrowed(text)))
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok($text(Cow::Owned(text.to_owned())))
        }
    };
}

/// A visit of a text where there should be none.
macro_rules! visit_no_text {
    ($other:expr) => {
        fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
            Ok($other)
        }
    };
}

/// Passes over the rest of an array.
fn skip_items<'de, A: SeqAccess<'de>>(mut items: A) -> Result<(), A::Error> {
    while items.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Passes over the rest of an object.
fn skip_fields<'de, A: MapAccess<'de>>(mut fields: A) -> Result<(), A::Error> {
    while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyScalar;
        impl<'de> Visitor<'de> for AnyScalar {
            type Value = Scalar<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Scalar::Null)
            }

            fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
                Ok(Scalar::Flag(flag))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Scalar::Whole(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(i64::try_from(number).map_or(Scalar::Other, Scalar::Whole))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Scalar::Fraction(number))
            }

            visit_texts!(Scalar::Text);

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
                skip_items(items)?;
                Ok(Scalar::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
                skip_fields(fields)?;
                Ok(Scalar::Other)
            }
        }
        deserializer.deserialize_any(AnyScalar)
    }
}

/// A field that should hold an array.
pub(super) struct List<T> {
    /// Its items; none if the field is missing, `null` or something else.
    pub(super) items: Vec<T>,
    /// Whether these are all there is to it: not if it holds something else, or too much.
    pub(super) is_whole: bool,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            is_whole: true,
        }
    }
}

impl<T> List<T> {
    fn wrong() -> Self {
        Self {
            items: Vec::new(),
            is_whole: false,
        }
    }
}

/// Reads the items of an array, up to the limit.
pub(super) fn read_items<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(
    mut array: A,
) -> Result<List<T>, A::Error> {
    let mut items = Vec::new();
    while items.len() < MAX_ITEMS {
        match array.next_element()? {
            Some(item) => items.push(item),
            None => {
                return Ok(List {
                    items,
                    is_whole: true,
                });
            }
        }
    }
    let is_whole = array.next_element::<IgnoredAny>()?.is_none();
    skip_items(array)?;
    Ok(List { items, is_whole })
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyList<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for AnyList<T> {
            type Value = List<T>;

            visit_others!(List::default(), List::wrong());
            visit_no_text!(List::wrong());

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
                read_items(items)
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
                skip_fields(fields)?;
                Ok(List::wrong())
            }
        }
        deserializer.deserialize_any(AnyList(PhantomData))
    }
}

/// A field that should hold an array, or an object with the array in its field `data`, as the Graph API has it.
pub(super) struct Edge<T>(pub(super) List<T>);

impl<T> Default for Edge<T> {
    fn default() -> Self {
        Self(List::default())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Edge<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(bound = "T: Deserialize<'de>", default)]
        struct Data<T> {
            data: List<T>,
        }
        impl<T> Default for Data<T> {
            fn default() -> Self {
                Self {
                    data: List::default(),
                }
            }
        }

        struct AnyEdge<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for AnyEdge<T> {
            type Value = Edge<T>;

            visit_others!(Edge::default(), Edge(List::wrong()));
            visit_no_text!(Edge(List::wrong()));

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
                read_items(items).map(Edge)
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
                let data: Data<T> = Data::deserialize(MapAccessDeserializer::new(fields))?;
                Ok(Edge(data.data))
            }
        }
        deserializer.deserialize_any(AnyEdge(PhantomData))
    }
}

/// What should be an object of a known form, or a text in its place.
#[derive(Default)]
pub(super) enum Object<'a, T> {
    /// It is such an object.
    Fields(T),
    /// It is a text.
    Text(Cow<'a, str>),
    /// It is something else or nothing.
    #[default]
    Other,
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Object<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyObject<'a, T>(PhantomData<(&'a (), T)>);
        impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for AnyObject<'a, T> {
            type Value = Object<'a, T>;

            visit_others!(Object::Other, Object::Other);
            visit_texts!(Object::Text);

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
                skip_items(items)?;
                Ok(Object::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields)).map(Object::Fields)
            }
        }
        deserializer.deserialize_any(AnyObject(PhantomData))
    }
}

/// A field that should hold an object with any names in it.
#[derive(Default)]
pub(super) struct Names<'a> {
    /// The names and their values, in the order of the text.
    pub(super) items: Vec<(Cow<'a, str>, Scalar<'a>)>,
    /// Whether the field is something else or too long.
    pub(super) is_wrong: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Names<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const WRONG: Names<'static> = Names {
            items: Vec::new(),
            is_wrong: true,
        };

        struct AnyNames;
        impl<'de> Visitor<'de> for AnyNames {
            type Value = Names<'de>;

            visit_others!(Names::default(), WRONG);
            visit_no_text!(WRONG);

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
                skip_items(items)?;
                Ok(WRONG)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
                let mut names = Names::default();
                while let Some((name, value)) = fields.next_entry::<Cow<'de, str>, Scalar<'de>>()? {
                    if names.items.len() == MAX_ITEMS {
                        names.is_wrong = true;
                        skip_fields(fields)?;
                        break;
                    }
                    names.items.push((name, value));
                }
                Ok(names)
            }
        }
        deserializer.deserialize_any(AnyNames)
    }
}

/// A field that should hold words: a text with commas or semicolons between them, or an array of texts.
#[derive(Default)]
pub(super) enum Words<'a> {
    /// It is missing or `null`.
    #[default]
    None,
    Text(Cow<'a, str>),
    List(List<Scalar<'a>>),
    /// It holds something else.
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Words<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyWords;
        impl<'de> Visitor<'de> for AnyWords {
            type Value = Words<'de>;

            visit_others!(Words::None, Words::Other);
            visit_texts!(Words::Text);

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
                read_items(items).map(Words::List)
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
                skip_fields(fields)?;
                Ok(Words::Other)
            }
        }
        deserializer.deserialize_any(AnyWords)
    }
}
