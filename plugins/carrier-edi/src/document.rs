//! Builds one document out of a transaction set: what every set has in common. Ids, order, envelope and the 64 KiB limit
//! of the metadata are kept here; what a set says is the business of `sets`.

use apex_sdk::prelude::*;
use serde_json::{Map, Value, json};

use crate::check;
use crate::codes;
use crate::dates::Stamp;
use crate::scan::{Interchange, SetUnit};
use crate::segment::{Segment, Span};
use crate::text;

/// What the contract allows for metadata is 64 KiB; the rest is room for what the host adds.
const METADATA_BYTES_MAX: usize = 60 << 10;
/// Searched text beyond this finds nothing that its beginning does not.
const CONTENT_BYTES_MAX: usize = 192 << 10;
/// Entities and relations of one document: beyond these a graph of it says no more. All names stay in the metadata.
const ENTITIES_MAX: usize = 400;
/// Media type of X12 by IANA.
pub const X12: &str = "application/edi-x12";

/// Bytes of the file that go beside a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enclosure {
    /// A file name.
    pub name: String,
    /// What the bytes are.
    pub media_type: &'static str,
    /// Where they are.
    pub span: Span,
}

/// A document and what has to be handed to the host with it.
#[derive(Debug)]
pub struct Finished {
    /// The document, its attachments still missing.
    pub document: Document,
    /// What becomes its attachments.
    pub enclosures: Vec<Enclosure>,
    /// Tells contents apart: two sets with one id and one fingerprint are the same thing.
    pub fingerprint: u64,
    /// A later set with the same id is a newer state of the same thing. If not, it stands beside.
    pub is_state: bool,
}

/// A document in the making.
pub struct Draft<'u> {
    /// The set it is made of.
    pub unit: &'u SetUnit,
    /// One line.
    pub title: String,
    /// What the set says, for the metadata.
    pub data: Map<String, Value>,
    /// When it happened, if the set says.
    pub occurred: Option<Stamp>,
    /// See [`Finished::is_state`].
    pub is_state: bool,
    kind: &'static str,
    key: Vec<String>,
    sentences: Vec<String>,
    document: Document,
}

impl<'u> Draft<'u> {
    /// A draft of a document of this kind whose id is the set's number and `key`.
    pub fn new(unit: &'u SetUnit, kind: &'static str, key: &[impl AsRef<str>]) -> Self {
        Self {
            unit,
            title: String::new(),
            data: Map::new(),
            occurred: None,
            is_state: false,
            kind,
            key: key.iter().map(|part| text::id_part(part.as_ref())).collect(),
            sentences: Vec::new(),
            document: Document::new("", kind),
        }
    }

    /// Adds a sentence to what is searched.
    pub fn say(&mut self, sentence: impl AsRef<str>) {
        let sentence = sentence.as_ref().trim();
        if !sentence.is_empty() {
            self.sentences.push(sentence.to_owned());
        }
    }

    /// Adds to the metadata, unless there is nothing to say.
    pub fn put(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        let is_empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        if !is_empty {
            self.data.insert(name.to_owned(), value);
        }
    }

    /// Adds a thing the document speaks of and answers its key; nothing if there is no name to make a key of.
    pub fn entity(&mut self, prefix: &str, kind: &str, id: &str, name: &str) -> Option<String> {
        let slug = text::slug(id);
        if slug.is_empty() {
            return None;
        }
        let key = format!("{prefix}:{slug}");
        if self.document.entities.len() >= ENTITIES_MAX {
            return self.document.entities.iter().any(|entity| entity.key == key).then_some(key);
        }
        self.document.add_entity(key.clone(), kind, text::one_line(name, 200));
        Some(key)
    }

    /// Adds an edge, if both ends are there.
    pub fn relate(&mut self, from: Option<&String>, kind: &str, to: Option<&String>) {
        if let (Some(from), Some(to)) = (from, to) {
            let known = self.document.relations.iter().any(|r| r.from == *from && r.kind == kind && r.to == *to);
            if !known && from != to && self.document.relations.len() < 2 * ENTITIES_MAX {
                self.document.add_relation(from.clone(), kind, to.clone());
            }
        }
    }

    /// The carrier of this SCAC.
    pub fn carrier(&mut self, scac: &str) -> Option<String> {
        self.entity("scac", "organisation", scac, &format!("carrier {scac}"))
    }

    /// The shipment of this id.
    pub fn shipment(&mut self, id: &str) -> Option<String> {
        self.entity("shipment", "shipment", id, &format!("shipment {id}"))
    }

    /// The document, finished.
    pub fn finish(mut self) -> Finished {
        let unit = self.unit;
        let interchange = &unit.interchange;
        let fingerprint = fingerprint(unit);
        let header = unit.segments.first();
        let set = header.map(|header| header.get(1)).unwrap_or_default();
        let mut id = format!("{}:{}", text::id_part(set), self.key.join(":"));
        if is_test(interchange) {
            id.push_str(":test");
            self.say("This came in a test interchange.");
        }
        if unit.ending.trailer().is_none() {
            self.say("The transaction set has no trailer: it may be incomplete.");
        }
        let clipped = unit.segments.len() < unit.count || unit.segments.iter().any(|segment| segment.clipped);
        let occurred = self.occurred.clone().or_else(|| sent_at(unit));
        let (metadata, truncated) = metadata(&self, occurred.as_ref(), clipped);
        let mut document = self.document;
        text::clip(&id, 180).clone_into(&mut document.id);
        self.kind.clone_into(&mut document.kind);
        document.title = text::one_line(&self.title, 200);
        text::clip(&self.sentences.join("\n"), CONTENT_BYTES_MAX).clone_into(&mut document.content);
        document.occurred_at = occurred.map(|stamp| stamp.rfc3339);
        document.sequence = sequence(unit);
        document.metadata = metadata;
        let mut enclosures = binaries(&unit.segments);
        if truncated {
            let name =
                format!("{}-{}.edi", text::id_part(set), text::id_part(header.map(|h| h.get(2)).unwrap_or_default()));
            enclosures.push(Enclosure { name, media_type: X12, span: unit.span });
        }
        Finished { document, enclosures, fingerprint, is_state: self.is_state }
    }
}

/// The fingerprint of what a set says, its own control number and trailer left out, so that a repeat is a repeat.
fn fingerprint(unit: &SetUnit) -> u64 {
    let body: Vec<String> = unit
        .segments
        .iter()
        .enumerate()
        .filter(|(at, segment)| *at > 0 && segment.id() != "SE")
        .map(|(_, segment)| {
            let binary = segment.binary.map(|binary| format!("*{:x}", binary.fingerprint)).unwrap_or_default();
            format!("{}{binary}", segment.join())
        })
        .collect();
    text::fingerprint(body.iter().map(String::as_str))
}

/// The key of a set: `known` if the set names what it is about, else the natural key.
pub fn key(unit: &SetUnit, is_known: bool, known: &[&str]) -> Vec<String> {
    if is_known { known.iter().map(|part| (*part).to_owned()).collect() } else { natural_key(unit) }
}

/// The natural key of a set and what tells it from others that reuse the numbers: sender, receiver, ISA13, GS06, ST02,
/// fingerprint.
pub fn natural_key(unit: &SetUnit) -> Vec<String> {
    let isa = &unit.interchange;
    let group = unit.group.as_ref().map(|group| group.get(6)).unwrap_or_default();
    let control = unit.segments.first().map(|header| header.get(2)).unwrap_or_default();
    let partner = |qualifier: usize, id: usize| {
        if isa.is_loose() { String::new() } else { format!("{}.{}", isa.get(qualifier), isa.get(id)) }
    };
    let number = isa.get(13).to_owned();
    let print = format!("{:016x}", fingerprint(unit));
    vec![partner(5, 6), partner(7, 8), number, group.to_owned(), control.to_owned(), print]
}

/// Who sent it, by ISA06 or else GS02.
pub fn sender(unit: &SetUnit) -> &str {
    let group = unit.group.as_ref().map(|group| group.get(2)).unwrap_or_default();
    Some(unit.interchange.get(6)).filter(|sender| !sender.is_empty()).unwrap_or(group)
}

/// Who it was sent to, by ISA08 or else GS03.
pub fn receiver(unit: &SetUnit) -> &str {
    let group = unit.group.as_ref().map(|group| group.get(3)).unwrap_or_default();
    Some(unit.interchange.get(8)).filter(|receiver| !receiver.is_empty()).unwrap_or(group)
}

/// Whether the interchange is marked as a test (ISA15).
pub fn is_test(interchange: &Interchange) -> bool {
    interchange.get(15) == "T"
}

/// When it was sent, by the group or else the interchange. Both are the sender's own time.
pub fn sent_at(unit: &SetUnit) -> Option<Stamp> {
    let group = unit.group.as_ref().and_then(|group| Stamp::new(group.get(4), group.get(5), ""));
    group.or_else(|| Stamp::new(unit.interchange.get(9), unit.interchange.get(10), ""))
}

/// The order of states: interchange date and time, control number, place in the interchange. Without an interchange
/// header there is none.
fn sequence(unit: &SetUnit) -> Option<String> {
    let isa = &unit.interchange;
    let stamp = Stamp::new(isa.get(9), isa.get(10), "")?;
    let minutes: String = stamp.rfc3339.get(..16)?.chars().filter(char::is_ascii_digit).collect();
    let control = check::number(isa.get(13)).unwrap_or_default() % 1_000_000_000;
    Some(format!("{minutes}{control:09}{:06}", unit.ordinal % 1_000_000))
}

fn binaries(segments: &[Segment]) -> Vec<Enclosure> {
    let found = segments.iter().enumerate().filter_map(|(at, segment)| Some((at + 1, segment.binary?)));
    found
        .map(|(position, binary)| Enclosure {
            name: format!("segment-{position}.bin"),
            media_type: "application/octet-stream",
            span: binary.span,
        })
        .collect()
}

/// The envelope of a set as JSON.
fn envelope(unit: &SetUnit) -> Value {
    let isa = &unit.interchange;
    let mut envelope = Map::new();
    if !isa.is_loose() {
        let fields = [
            ("sender_qualifier", 5),
            ("sender", 6),
            ("receiver_qualifier", 7),
            ("receiver", 8),
            ("date", 9),
            ("time", 10),
            ("version", 12),
            ("control_number", 13),
            ("usage", 15),
        ];
        let isa: Map<String, Value> =
            fields.iter().map(|(name, at)| ((*name).to_owned(), json!(isa.get(*at)))).collect();
        envelope.insert("interchange".to_owned(), Value::Object(isa));
    }
    if let Some(group) = &unit.group {
        let fields = [
            ("functional_id", 1),
            ("sender", 2),
            ("receiver", 3),
            ("date", 4),
            ("time", 5),
            ("control_number", 6),
            ("version", 8),
        ];
        let group: Map<String, Value> =
            fields.iter().map(|(name, at)| ((*name).to_owned(), json!(group.get(*at)))).collect();
        envelope.insert("group".to_owned(), Value::Object(group));
    }
    if !unit.extras.is_empty() {
        envelope.insert("service_segments".to_owned(), json!(unit.extras));
    }
    Value::Object(envelope)
}

/// The metadata, and whether something had to be left out of it.
fn metadata(draft: &Draft, occurred: Option<&Stamp>, clipped: bool) -> (String, bool) {
    let unit = draft.unit;
    let header = unit.segments.first();
    let set = header.map(|header| header.get(1)).unwrap_or_default();
    let problems: Vec<Value> = check::set(unit)
        .codes()
        .into_iter()
        .map(|code| json!({ "code": code, "message": check::meaning(code) }))
        .collect();
    let mut fields = Map::new();
    fields.insert("set".to_owned(), json!(set));
    fields.insert("set_name".to_owned(), json!(codes::meaning(codes::SETS, set)));
    fields.insert("control_number".to_owned(), json!(header.map(|header| header.get(2)).unwrap_or_default()));
    fields.insert("envelope".to_owned(), envelope(unit));
    fields.insert("occurred".to_owned(), occurred.map_or(Value::Null, Stamp::json));
    fields.insert("complete".to_owned(), json!(unit.ending.trailer().is_some()));
    fields.insert("segment_count".to_owned(), json!(unit.count));
    fields.insert("problems".to_owned(), Value::Array(problems));
    let segments: Vec<String> = unit.segments.iter().map(Segment::join).collect();
    fit(fields, &draft.data, &segments, clipped)
}

/// Everything if it fits. Else segments are left out from the end and the longest lists halved until it does.
fn fit(
    mut fields: Map<String, Value>,
    data: &Map<String, Value>,
    segments: &[String],
    clipped: bool,
) -> (String, bool) {
    let mut put = |data: &Map<String, Value>, segments: &[String], truncated: bool| {
        fields.insert("data".to_owned(), Value::Object(data.clone()));
        fields.insert("segments".to_owned(), json!(segments));
        if truncated {
            fields.insert("truncated".to_owned(), json!(true));
        }
        map_text(&fields)
    };
    let whole = put(data, segments, clipped);
    if whole.len() <= METADATA_BYTES_MAX {
        return (whole, clipped);
    }
    let mut data = data.clone();
    let fixed = put(&Map::new(), &[], true).len();
    while fixed + map_text(&data).len() > METADATA_BYTES_MAX {
        let longest = data.iter().max_by_key(|(_, value)| size(value)).map(|(name, _)| name.clone());
        let Some(name) = longest else { break };
        match data.get_mut(&name) {
            Some(Value::Array(items)) if items.len() > 1 => items.truncate(items.len() / 2),
            _ => drop(data.remove(&name)),
        }
    }
    let mut room = METADATA_BYTES_MAX.saturating_sub(fixed + map_text(&data).len());
    let kept = segments.iter().take_while(|segment| take(&mut room, size(&json!(segment)) + 1)).count();
    (put(&data, segments.get(..kept).unwrap_or_default(), true), true)
}

fn map_text(map: &Map<String, Value>) -> String {
    serde_json::to_string(map).unwrap_or_default()
}

fn take(room: &mut usize, bytes: usize) -> bool {
    let fits = *room >= bytes;
    *room = if fits { *room - bytes } else { 0 };
    fits
}

fn size(value: &Value) -> usize {
    value.to_string().len()
}
