//! The recorded pages, and which of them answers a request. Pure: no clock, no network.

use serde_json::{Map, Value, json};

/// The pages in order. The first holds the last known value of every vehicle, each later one ten minutes.
pub const PAGES: [&str; 13] = [
    include_str!("../pages/00.json"),
    include_str!("../pages/01.json"),
    include_str!("../pages/02.json"),
    include_str!("../pages/03.json"),
    include_str!("../pages/04.json"),
    include_str!("../pages/05.json"),
    include_str!("../pages/06.json"),
    include_str!("../pages/07.json"),
    include_str!("../pages/08.json"),
    include_str!("../pages/09.json"),
    include_str!("../pages/10.json"),
    include_str!("../pages/11.json"),
    include_str!("../pages/12.json"),
];

/// Stat types that one request may name, as Samsara's API description says.
const TYPES_MAX: usize = 3;

/// What a request asks for.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Query {
    /// Stat types, separated by commas.
    pub(crate) types: String,
    /// The cursor.
    pub(crate) after: Option<String>,
    /// Vehicles, separated by commas; absent: all.
    #[serde(rename = "vehicleIds")]
    pub(crate) vehicle_ids: Option<String>,
}

/// The cursor behind the last page.
pub fn last_cursor() -> String {
    PAGES.last().map(|page| end_cursor(&read(page))).unwrap_or_default()
}

/// The page that answers a request.
///
/// # Errors
/// The vendor's kind of message, for status 400.
pub(crate) fn answer(query: &Query) -> Result<Value, String> {
    let types: Vec<&str> = query.types.split(',').filter(|name| !name.is_empty()).collect();
    if types.is_empty() || types.len() > TYPES_MAX {
        return Err(format!("Invalid parameter 'types': name 1 to {TYPES_MAX} of them."));
    }
    let Some(after) = query.after.as_deref().filter(|after| !after.is_empty()) else {
        return Ok(selected(PAGES.first().map(|page| read(page)).unwrap_or_default(), &types, query));
    };
    let pages: Vec<Value> = PAGES.iter().map(|page| read(page)).collect();
    let at = pages.iter().position(|page| end_cursor(page) == after);
    let at = at.ok_or_else(|| "Invalid cursor in parameter 'after'.".to_owned())?;
    Ok(match pages.into_iter().nth(at + 1) {
        Some(next) => selected(next, &types, query),
        None => json!({ "data": [], "pagination": { "endCursor": after, "hasNextPage": false } }),
    })
}

fn read(page: &str) -> Value {
    serde_json::from_str(page).unwrap_or_default()
}

fn end_cursor(page: &Value) -> String {
    page.pointer("/pagination/endCursor").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Keeps the stats and vehicles that were asked for, and vehicles that have any of them.
fn selected(mut page: Value, types: &[&str], query: &Query) -> Value {
    let asked: Option<Vec<&str>> = query.vehicle_ids.as_deref().map(|ids| ids.split(',').collect());
    let wanted = |vehicle: &Map<String, Value>| {
        let id = vehicle.get("id").and_then(Value::as_str).unwrap_or_default();
        asked.as_ref().is_none_or(|ids| ids.contains(&id))
    };
    let vehicles = page.get_mut("data").map(Value::take).unwrap_or_default();
    let vehicles = vehicles.as_array().cloned().unwrap_or_default();
    let mut kept = Vec::new();
    for vehicle in vehicles.iter().filter_map(Value::as_object).filter(|vehicle| wanted(vehicle)) {
        let stats = vehicle.keys().any(|key| types.contains(&key.as_str()));
        let fields = vehicle
            .iter()
            .filter(|(key, _)| matches!(key.as_str(), "id" | "name" | "externalIds") || types.contains(&key.as_str()));
        if stats {
            kept.push(Value::Object(fields.map(|(key, value)| (key.clone(), value.clone())).collect()));
        }
    }
    json!({ "data": kept, "pagination": page.get("pagination") })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use std::collections::BTreeSet;

    use super::{PAGES, Query, answer, last_cursor};
    use serde_json::Value;

    fn ask(types: &str, after: Option<&str>, vehicle: Option<&str>) -> Result<Value, String> {
        answer(&Query {
            types: types.to_owned(),
            after: after.map(str::to_owned),
            vehicle_ids: vehicle.map(str::to_owned),
        })
    }

    #[test]
    fn the_pages_are_walked_to_their_end() {
        let (mut after, mut pages, mut points) = (None::<String>, 0, 0);
        loop {
            let page = ask("gps,engineStates", after.as_deref(), None).unwrap();
            pages += 1;
            for vehicle in page["data"].as_array().unwrap() {
                assert!(vehicle.get("obdOdometerMeters").is_none(), "not asked for");
                points += vehicle["gps"].as_array().map_or(0, Vec::len);
            }
            after = page["pagination"]["endCursor"].as_str().map(str::to_owned);
            if page["pagination"]["hasNextPage"] == false {
                break;
            }
        }
        assert_eq!(pages, PAGES.len());
        assert!(points > 300, "{points}");
        let end = ask("gps", after.as_deref(), None).unwrap();
        assert_eq!(end["data"].as_array().unwrap().len(), 0);
        assert_eq!(end["pagination"]["endCursor"].as_str(), Some(last_cursor().as_str()));
    }

    #[test]
    fn the_recording_holds_enough_windows_and_late_points() {
        let (mut windows, mut late) = (BTreeSet::new(), 0);
        let mut newest = String::new();
        for page in PAGES {
            let page: Value = serde_json::from_str(page).unwrap();
            let before = newest.clone();
            for vehicle in page["data"].as_array().unwrap() {
                for point in vehicle["gps"].as_array().into_iter().flatten() {
                    let time = point["time"].as_str().unwrap();
                    windows.insert((vehicle["id"].as_str().unwrap().to_owned(), time[..13].to_owned()));
                    late += usize::from(*time < *before);
                    newest = newest.max(time.to_owned());
                }
            }
        }
        assert!(windows.len() >= 12, "{} vehicle hours", windows.len());
        assert!(late > 0, "a gateway out of reach sends late");
    }

    #[test]
    fn bad_requests() {
        assert!(ask("", None, None).unwrap_err().contains("types"));
        assert!(ask("a,b,c,d", None, None).unwrap_err().contains("types"));
        assert!(ask("gps", Some("nonsense"), None).unwrap_err().contains("cursor"));
        assert_eq!(ask("gps", None, Some("281474977075805")).unwrap()["data"].as_array().unwrap().len(), 1);
    }
}
