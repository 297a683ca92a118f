//! A feed and a reader's store for the tests: answers as Samsara gives them, documents as the host keeps them (of two with
//! one id the larger sequence wins), and everything a reader can still see.

use std::collections::{BTreeMap, BTreeSet};

use apex_sdk::host::http::Response;
use apex_sdk::prelude::*;
use apex_sdk::testing::{self, TestHost};

use crate::points::Points;
use crate::poll;

/// 2026-01-01T00:00:00Z.
pub const START_S: u32 = 1_767_225_600;
/// A budget that nothing reaches.
pub const WIDE: Budget = Budget { documents_max: 1_000, bytes_max: 8 << 20, ms_max: 10_000 };

/// A GPS point some seconds after the start.
pub fn gps(second: u32, speed: u32) -> String {
    format!(r#"{{"time":"{}","latitude":42.{second},"longitude":-122.7,"speedMilesPerHour":{speed}}}"#, at(second))
}

/// A moment some seconds after the start.
pub fn at(second: u32) -> String {
    time::unix_seconds(&(START_S + second).to_string()).unwrap()
}

/// A vehicle with GPS points.
pub fn vehicle(id: &str, points: &[String]) -> String {
    format!(r#"{{"id":"{id}","name":"Truck {id}","gps":[{}]}}"#, points.join(","))
}

/// A page of vehicles.
pub fn answer(vehicles: &[String], end: &str, has_next: bool) -> Response {
    let body =
        format!(r#"{{"data":[{}],"pagination":{{"endCursor":"{end}","hasNextPage":{has_next}}}}}"#, vehicles.join(","));
    Response { status: 200, headers: "content-type: application/json\n".to_owned(), body: body.into_bytes() }
}

/// Starts over with these settings, some seconds after the start.
pub fn host(config: &str, second: u32) {
    let now = Instant { seconds: START_S + second, nanoseconds: 0 };
    testing::set_up(TestHost { now, config: config.to_owned(), ..TestHost::default() });
}

/// Moves the clock.
pub fn clock(second: u32) {
    testing::with(|host| host.now.seconds = START_S + second);
}

/// One call with one answer ready (or none, for a call that must not ask).
pub fn fetch(cursor: Option<&str>, response: Option<Response>, budget: Budget) -> Result<Page, Fault> {
    testing::with(|host| host.answers = response.into_iter().map(Ok).collect());
    let page = poll::fetch("vehicles", cursor, &budget);
    testing::with(|host| assert!(host.answers.is_empty(), "the answer was not asked for"));
    page
}

/// One call that must go well.
pub fn page(cursor: Option<&str>, response: Option<Response>) -> Page {
    fetch(cursor, response, WIDE).unwrap()
}

/// What readers can see: the winning document of every id.
#[derive(Default)]
pub struct Readers(pub BTreeMap<String, Document>);

impl Readers {
    /// Commits the documents of a page.
    pub fn commit(&mut self, page: &Page) {
        for document in &page.documents {
            let order = |document: &Document| document.sequence.as_ref().unwrap().parse::<u128>().unwrap();
            let wins = self.0.get(&document.id).is_none_or(|there| order(document) >= order(there));
            assert!(document.metadata.len() <= 64 * 1024, "{}", document.metadata.len());
            if wins {
                self.0.insert(document.id.clone(), document.clone());
            }
        }
    }

    /// Every point in every document, as vehicle and row.
    pub fn points(&self) -> BTreeSet<(String, String)> {
        self.0.values().flat_map(points).collect()
    }
}

/// The points in a document's metadata, as vehicle and row.
pub fn points(document: &Document) -> Vec<(String, String)> {
    let metadata: BTreeMap<String, Box<serde_json::value::RawValue>> =
        serde_json::from_str(&document.metadata).unwrap();
    let vehicle: String = serde_json::from_str(metadata["vehicle_id"].get()).unwrap();
    let points = Points::decode(metadata["stats"].get()).unwrap();
    let rows = points.0.values().flatten();
    rows.map(|row| {
        (
            vehicle.clone(),
            format!("{} {}", row.text("time").unwrap(), row.text("speedMilesPerHour").unwrap_or_default()),
        )
    })
    .collect()
}
