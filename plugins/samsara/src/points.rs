//! The points of one vehicle and window: a set of rows for each stat. A merge is a union, so taking the same page twice
//! changes nothing, in whatever order pages come. Numbers are kept as the text that was sent.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::window;

/// Bytes one cell may have; a longer one is replaced by a note that says so. No known stat comes near it.
const CELL_BYTES_MAX: usize = 16 * 1024;

/// One point of one stat. Two points are the same only if all of their fields are: fault codes of two buses share a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// Milliseconds since 1970, for the order.
    pub ms: u64,
    /// JSON text by field, without white space; `time` is among them.
    pub cells: BTreeMap<String, String>,
}

impl Row {
    /// A row of a point's fields; absent if it has no time that can be read.
    pub fn new<'a, K: AsRef<str>>(fields: impl IntoIterator<Item = (K, &'a RawValue)>) -> Option<Self> {
        let cells: BTreeMap<String, String> = fields
            .into_iter()
            .filter(|(_, value)| value.get() != "null")
            .map(|(name, value)| (name.as_ref().to_owned(), cell(value.get())))
            .collect();
        let time: String = serde_json::from_str(cells.get("time")?).ok()?;
        Some(Self { ms: window::unix_ms(&time)?, cells })
    }

    /// A field as text: strings without their quotes, anything else as JSON.
    pub fn text(&self, field: &str) -> Option<String> {
        let json = self.cells.get(field)?;
        Some(serde_json::from_str::<String>(json).unwrap_or_else(|_| json.clone()))
    }
}

fn cell(json: &str) -> String {
    if json.len() > CELL_BYTES_MAX {
        return format!("\"omitted: {} bytes\"", json.len());
    }
    compact(json)
}

/// JSON without the white space between its parts.
pub fn compact(json: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let keep = |c: &char| {
        let kept = quoted || !c.is_ascii_whitespace();
        (quoted, escaped) = match c {
            _ if escaped => (quoted, false),
            '\\' if quoted => (true, true),
            '"' => (!quoted, false),
            _ => (quoted, false),
        };
        kept
    };
    json.chars().filter(keep).collect()
}

/// Rows by stat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Points(pub BTreeMap<String, BTreeSet<Row>>);

/// The stored form of one stat: a table.
#[derive(Debug, Deserialize)]
struct Table<'a> {
    columns: Vec<String>,
    #[serde(borrow)]
    rows: Vec<Vec<&'a RawValue>>,
}

impl Points {
    /// Adds a point.
    pub fn insert(&mut self, stat: &str, row: Row) {
        self.0.entry(stat.to_owned()).or_default().insert(row);
    }

    /// Adds all points of another set.
    pub fn merge(&mut self, other: Self) {
        for (stat, rows) in other.0 {
            self.0.entry(stat).or_default().extend(rows);
        }
    }

    /// How many points there are. Grows with every new one, and only then: the order of a window's documents.
    pub fn count(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    /// The latest point.
    pub fn newest(&self) -> Option<&Row> {
        self.0.values().filter_map(BTreeSet::last).max_by_key(|row| row.ms)
    }

    /// A JSON object of tables: `{"gps":{"columns":["time","latitude"],"rows":[["2026-…",1.10]]}}`. A field that a point does
    /// not have is `null`. The same points give the same text.
    pub fn encode(&self) -> String {
        let tables: Vec<String> =
            self.0.iter().map(|(stat, rows)| format!("{}:{}", quote(stat), table(rows))).collect();
        format!("{{{}}}", tables.join(","))
    }

    /// Reads what [`Points::encode`] wrote; absent if it is anything else.
    pub fn decode(json: &str) -> Option<Self> {
        let tables: BTreeMap<String, Table> = serde_json::from_str(json).ok()?;
        let rows = |table: Table| {
            let row = |cells: Vec<&RawValue>| Row::new(table.columns.iter().zip(cells));
            table.rows.into_iter().map(row).collect::<Option<BTreeSet<Row>>>()
        };
        tables.into_iter().map(|(stat, table)| Some((stat, rows(table)?))).collect::<Option<_>>().map(Self)
    }

    /// Splits off sets whose encoded rows stay under a size, in the order of stat and time.
    pub fn split(self, bytes_max: usize) -> Vec<Self> {
        let (mut sets, mut size) = (vec![Self::default()], 0);
        for (stat, rows) in self.0 {
            for row in rows {
                // A row costs its cells, and at worst the names of its columns as well.
                let cost: usize = row.cells.iter().map(|(name, json)| name.len() + json.len() + 4).sum();
                if size + cost > bytes_max && size > 0 {
                    sets.push(Self::default());
                    size = 0;
                }
                size += cost;
                if let Some(set) = sets.last_mut() {
                    set.insert(&stat, row);
                }
            }
        }
        sets
    }
}

fn table(rows: &BTreeSet<Row>) -> String {
    let names: BTreeSet<&str> =
        rows.iter().flat_map(|row| row.cells.keys().map(String::as_str)).filter(|name| *name != "time").collect();
    let columns: Vec<&str> = std::iter::once("time").chain(names).collect();
    let line = |row: &Row| {
        let cells: Vec<&str> = columns.iter().map(|name| row.cells.get(*name).map_or("null", String::as_str)).collect();
        format!("[{}]", cells.join(","))
    };
    let head: Vec<String> = columns.iter().map(|name| quote(name)).collect();
    let lines: Vec<String> = rows.iter().map(line).collect();
    format!("{{\"columns\":[{}],\"rows\":[{}]}}", head.join(","), lines.join(","))
}

/// A JSON string.
pub fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::{Points, Row, compact};
    use serde_json::value::RawValue;
    use std::collections::BTreeMap;

    fn row(json: &str) -> Row {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(json).unwrap();
        Row::new(fields).unwrap()
    }

    fn points(rows: &[(&str, &str)]) -> Points {
        let mut points = Points::default();
        for (stat, json) in rows {
            points.insert(stat, row(json));
        }
        points
    }

    const A: (&str, &str) =
        ("gps", r#"{"time":"2026-01-01T10:00:05Z","latitude":42.10000000000000001,"longitude":-122.7e0}"#);
    const B: (&str, &str) = (
        "gps",
        r#"{"time":"2026-01-01T10:00:05.5Z", "latitude": 42.2, "reverseGeo": { "formattedLocation": "Ashland, OR" }}"#,
    );
    const C: (&str, &str) = ("engineStates", r#"{"time":"2026-01-01T10:00:00Z","value":"On"}"#);

    #[test]
    fn a_merge_is_a_union_in_any_order() {
        let mut forth = points(&[A, C]);
        forth.merge(points(&[B, A]));
        let mut back = points(&[B]);
        back.merge(points(&[C]));
        back.merge(points(&[A]));
        assert_eq!(forth, back);
        assert_eq!(forth.count(), 3);
        let again = forth.clone();
        forth.merge(points(&[A, B, C]));
        assert_eq!(forth, again);
    }

    #[test]
    fn numbers_keep_their_text_and_the_form_is_read_back() {
        let all = points(&[A, B, C]);
        let text = all.encode();
        assert_eq!(
            text,
            "{\"engineStates\":{\"columns\":[\"time\",\"value\"],\"rows\":[[\"2026-01-01T10:00:00Z\",\"On\"]]},\
             \"gps\":{\"columns\":[\"time\",\"latitude\",\"longitude\",\"reverseGeo\"],\"rows\":[\
             [\"2026-01-01T10:00:05Z\",42.10000000000000001,-122.7e0,null],\
             [\"2026-01-01T10:00:05.5Z\",42.2,null,{\"formattedLocation\":\"Ashland, OR\"}]]}}"
        );
        assert_eq!(Points::decode(&text), Some(all));
        assert_eq!(Points::decode("{}"), Some(Points::default()));
        assert_eq!(Points::decode("[]"), None);
        assert_eq!(Points::decode("{\"gps\":{\"columns\":[\"x\"],\"rows\":[[1]]}}"), None);
    }

    #[test]
    fn two_points_of_one_time_are_both_kept() {
        let two = points(&[
            ("faultCodes", r#"{"time":"2026-01-01T10:00:00Z","canBusType":"CANBUS_J1939"}"#),
            ("faultCodes", r#"{"time":"2026-01-01T10:00:00Z","canBusType":"CANBUS_OBDII"}"#),
        ]);
        assert_eq!(two.count(), 2);
    }

    #[test]
    fn splitting_loses_nothing() {
        let all = points(&[A, B, C]);
        let sets = all.clone().split(1);
        assert_eq!(sets.len(), 3);
        let mut back = Points::default();
        for set in sets {
            back.merge(set);
        }
        assert_eq!(back, all);
        assert_eq!(all.clone().split(100_000), [all]);
    }

    #[test]
    fn white_space_goes_only_between_parts() {
        assert_eq!(compact("{ \"a b\" : [ 1 ,\n \"x \\\" y\" ] }"), "{\"a b\":[1,\"x \\\" y\"]}");
        assert_eq!(compact("\"\\\\\" "), "\"\\\\\"");
    }
}
