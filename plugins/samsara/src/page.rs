//! One answer of the feed, read into points by vehicle and window. Any stat key is taken, known or not: a list of points,
//! or one point as the snapshot endpoint writes it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use apex_sdk::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::points::{Points, Row, compact};
use crate::window;

/// Characters of a vehicle id; longer ones would not fit into document ids. Samsara's have 15 digits.
const ID_CHARS_MAX: usize = 40;
/// Characters of a vehicle's name that are kept.
const NAME_CHARS_MAX: usize = 200;
/// Bytes of a vehicle's external ids that are kept.
const EXTERNAL_BYTES_MAX: usize = 2_048;

/// The body of an answer.
#[derive(Debug, Deserialize)]
pub struct Answer<'a> {
    /// One object for each vehicle that has something new.
    #[serde(borrow)]
    pub data: Vec<BTreeMap<Cow<'a, str>, &'a RawValue>>,
    /// Where to go on.
    pub pagination: Pagination,
}

/// Where to go on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    /// What to send as `after`.
    #[serde(default)]
    pub end_cursor: Option<String>,
    /// Whether there is more already.
    #[serde(default)]
    pub has_next_page: bool,
}

/// Who the points are of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vehicle {
    /// Samsara's id.
    pub id: String,
    /// The fleet's name for it; empty if it has none.
    pub name: String,
    /// External ids as a JSON object, such as the VIN; empty if there are none.
    pub external_ids: String,
}

/// What one vehicle sent.
#[derive(Debug)]
pub struct Report {
    /// Who.
    pub vehicle: Vehicle,
    /// Points by the start of their window, in minutes since 1970.
    pub windows: BTreeMap<u32, Points>,
    /// Points without a readable time: they belong to no window.
    pub timeless: usize,
}

/// Reads one vehicle's object; absent without a usable id.
pub fn report(object: &BTreeMap<Cow<str>, &RawValue>, window_minutes: u32) -> Option<Report> {
    let text = |key: &str| object.get(key).and_then(|value| serde_json::from_str::<String>(value.get()).ok());
    let id = text("id").or_else(|| object.get("id").map(|value| value.get().to_owned()))?;
    if id.is_empty() || id.chars().count() > ID_CHARS_MAX || id.chars().any(|c| c.is_control() || c == '"') {
        return None;
    }
    let external = object.get("externalIds").map(|value| compact(value.get()));
    let external_ids =
        external.filter(|json| json.starts_with('{') && json.len() <= EXTERNAL_BYTES_MAX && json != "{}");
    let name = text("name").unwrap_or_default().chars().take(NAME_CHARS_MAX).collect();
    let vehicle = Vehicle { id, name, external_ids: external_ids.unwrap_or_default() };
    let mut report = Report { vehicle, windows: BTreeMap::new(), timeless: 0 };
    for (stat, value) in object {
        if matches!(stat.as_ref(), "id" | "name" | "externalIds") {
            continue;
        }
        for row in rows(value) {
            let Some(row) = row else {
                report.timeless += 1;
                continue;
            };
            let start = window::start_minute(row.ms, window_minutes);
            report.windows.entry(start).or_default().insert(stat, row);
        }
    }
    Some(report)
}

/// The points of one stat; `None` for one without a time. Values that are no points at all (text, numbers) are none.
fn rows(value: &RawValue) -> Vec<Option<Row>> {
    type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;
    let json = value.get();
    if let Ok(list) = serde_json::from_str::<Vec<Fields>>(json) {
        return list.into_iter().map(Row::new).collect();
    }
    serde_json::from_str::<Fields>(json).map_or_else(|_| Vec::new(), |one| vec![Row::new(one)])
}

/// Reads an answer's body.
///
/// # Errors
/// `retryable`: what came with status 200 is no page of the feed. Giving up would leave a gap; a broken proxy passes.
pub fn answer(body: &[u8]) -> Result<Answer<'_>, Fault> {
    serde_json::from_slice(body).map_err(|error| {
        Fault::retryable(
            "bad-answer",
            format!("the feed's answer is not a page of stats: {error}; check `base_url` and any proxy"),
        )
    })
}
