//! Tolerant readers for JSON whose types the source does not promise: text that may be null or a number, and places that
//! hold one thing, a list of things, or nothing. They borrow from the body where they can.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Text, borrowed if it has no escapes. Null, lists and objects read as empty; numbers and booleans as they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text<'a>(pub Cow<'a, str>);

impl Text<'_> {
    /// The text without surrounding white space, if there is any.
    pub fn some(&self) -> Option<&str> {
        Some(self.0.trim()).filter(|text| !text.is_empty())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor(PhantomData))
    }
}

struct TextVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for TextVisitor<'a> {
    type Value = Text<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(if value { "true" } else { "false" })))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(value.to_string())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(value.to_string())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Text::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text::default())
    }
}

/// What can be read from a bare string where an object is usual: `"cnv_1"` for `{"id": "cnv_1"}`.
pub trait FromId<'a> {
    /// The thing of this id, and nothing else known.
    fn from_id(id: Text<'a>) -> Self;
}

/// One thing, a list of things, or nothing (null, absent, a number).
#[derive(Debug, Clone)]
pub struct Many<T>(pub Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de> + FromId<'a>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ManyVisitor { nested: false, things: PhantomData::<(T, &'a ())> })
    }
}

/// One element of a list: the same forms, without lists in lists.
struct Element<T>(Vec<T>);

impl<'de: 'a, 'a, T: Deserialize<'de> + FromId<'a>> Deserialize<'de> for Element<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = ManyVisitor { nested: true, things: PhantomData::<(T, &'a ())> };
        deserializer.deserialize_any(visitor).map(|many| Self(many.0))
    }
}

struct ManyVisitor<'a, T> {
    nested: bool,
    things: PhantomData<(T, &'a ())>,
}

impl<'de: 'a, 'a, T: Deserialize<'de> + FromId<'a>> Visitor<'de> for ManyVisitor<'a, T> {
    type Value = Many<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(object)).map(|thing| Many(vec![thing]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut things = Vec::new();
        if self.nested {
            while list.next_element::<IgnoredAny>()?.is_some() {}
        } else {
            while let Some(Element(more)) = list.next_element::<Element<T>>()? {
                things.extend(more);
            }
        }
        Ok(Many(things))
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Many(vec![T::from_id(Text(Cow::Borrowed(text)))]))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let id = Text::deserialize(StrDeserializer::<E>::new(text))?;
        Ok(Many(vec![T::from_id(Text(Cow::Owned(id.0.into_owned())))]))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Many::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Many::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Many::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Many::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Many::default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::{Cow, FromId, Many, Text};

    #[derive(Debug, serde::Deserialize)]
    struct Thing<'a> {
        #[serde(borrow, default)]
        id: Text<'a>,
    }

    impl<'a> FromId<'a> for Thing<'a> {
        fn from_id(id: Text<'a>) -> Self {
            Self { id }
        }
    }

    fn ids(json: &str) -> Vec<String> {
        serde_json::from_str::<Many<Thing>>(json).unwrap().0.into_iter().map(|thing| thing.id.0.into_owned()).collect()
    }

    #[test]
    fn one_many_or_nothing() {
        assert_eq!(ids(r#"{"id":"a"}"#), ["a"]);
        assert_eq!(ids(r#"[{"id":"a"},"b\n",null,{"id":7},[{"id":"x"}]]"#), ["a", "b\n", "7"]);
        assert_eq!(ids("null"), [""; 0]);
        assert_eq!(ids("3"), [""; 0]);
        assert_eq!(ids("\"solo\""), ["solo"]);
    }

    #[test]
    fn text_takes_any_value() {
        let text = |json: &str| serde_json::from_str::<Text>(json).unwrap().0.into_owned();
        assert_eq!(text("\"a\\u00e9\""), "aé");
        assert_eq!(text("null"), "");
        assert_eq!(text("[1,{}]"), "");
        assert_eq!(text("{\"a\":[1]}"), "");
        assert_eq!(text("12"), "12");
        let borrowed: Text = serde_json::from_str("\"plain\"").unwrap();
        assert!(matches!(borrowed.0, Cow::Borrowed("plain")));
    }
}
