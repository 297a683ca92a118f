//! The page rules, merging, when documents are sent, and where points go that cannot join their window.

use apex_sdk::prelude::*;
use apex_sdk::testing;

use super::harness::{Readers, WIDE, answer, at, clock, fetch, gps, host, page, points, vehicle};
use crate::config::Settings;
use crate::ledger::Ledger;

const AT_ONCE: &str = r#"{"refresh_seconds":0}"#;

#[test]
fn the_three_page_rules() {
    host(AT_ONCE, 60);
    let first = page(None, Some(answer(&[vehicle("1", &[gps(10, 50)])], "c/1=", true)));
    assert_eq!(first.next, Next::More);
    let second = page(Some(&first.cursor), Some(answer(&[], "c2", false)));
    assert_eq!(second.next, Next::Idle(Some(5_000)));
    let third = page(Some(&second.cursor), Some(answer(&[], "c2", false)));
    assert_eq!(third.next, Next::Idle(Some(5_000)));
    let (urls, credentials): (Vec<String>, Vec<Option<String>>) =
        testing::with(|host| host.sent.iter().map(|sent| (sent.url.clone(), sent.credential.clone())).unzip());
    let base = "https://api.samsara.com/fleet/vehicles/stats/feed?types=gps,engineStates,obdOdometerMeters";
    assert_eq!(urls, [base.to_owned(), format!("{base}&after=c%2F1%3D"), format!("{base}&after=c2")]);
    assert!(credentials.iter().all(|name| name.as_deref() == Some("token")));
}

#[test]
fn a_page_that_leads_nowhere_is_not_asked_for_without_end() {
    host(AT_ONCE, 60);
    let first = page(None, Some(answer(&[], "c1", true)));
    let stuck = page(Some(&first.cursor), Some(answer(&[], "c1", true)));
    assert_eq!(stuck.next, Next::Idle(Some(5_000)));
    let empty = page(Some(&first.cursor), Some(answer(&[], "", true)));
    assert_eq!(empty.next, Next::Idle(Some(5_000)));
    assert_eq!(Ledger::read(Some(&empty.cursor)).after.as_deref(), Some("c1"), "the last good cursor stays");
}

#[test]
fn a_later_page_adds_to_the_window_and_a_replay_changes_nothing() {
    host(AT_ONCE, 120);
    let first = page(None, Some(answer(&[vehicle("1", &[gps(10, 50)])], "c1", true)));
    assert_eq!(first.documents[0].id, "1:2026-01-01T00:00:00Z");
    assert_eq!(first.documents[0].sequence.as_deref(), Some("1"));
    let more = || answer(&[vehicle("1", &[gps(20, 61), gps(901, 40)])], "c2", true);
    let second = page(Some(&first.cursor), Some(more()));
    assert_eq!(second.documents.len(), 2);
    assert_eq!(second.documents[0].sequence.as_deref(), Some("2"));
    assert_eq!(
        points(&second.documents[0]),
        [("1".to_owned(), format!("{} 50", at(10))), ("1".to_owned(), format!("{} 61", at(20)))]
    );
    assert_eq!(second.documents[1].id, "1:2026-01-01T00:15:00Z");
    let replayed = page(Some(&first.cursor), Some(more()));
    assert_eq!(replayed, second);
}

#[test]
fn an_open_window_is_sent_again_only_now_and_then() {
    host("{}", 20);
    let first = page(None, Some(answer(&[vehicle("1", &[gps(10, 50)])], "c1", false)));
    assert_eq!(first.documents.len(), 1, "a new window is sent at once");
    clock(40);
    let second = page(Some(&first.cursor), Some(answer(&[vehicle("1", &[gps(30, 51)])], "c2", false)));
    assert_eq!(second.documents, []);
    clock(79);
    let early = page(Some(&second.cursor), Some(answer(&[], "c2", false)));
    assert_eq!(early.documents, []);
    clock(80);
    let third = page(Some(&early.cursor), Some(answer(&[], "c2", false)));
    assert_eq!(third.documents[0].sequence.as_deref(), Some("2"), "after a minute, without a new point");
}

#[test]
fn a_window_that_is_over_is_sent_at_once() {
    host(r#"{"window_minutes":1,"refresh_seconds":3600}"#, 20);
    let first = page(None, Some(answer(&[vehicle("1", &[gps(10, 50)])], "c1", false)));
    clock(125);
    let second = page(
        Some(&first.cursor),
        Some(answer(&[vehicle("1", &[gps(30, 51)]), vehicle("2", &[gps(119, 1)])], "c2", false)),
    );
    let ids = |page: &Page| page.documents.iter().map(|document| document.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&second), ["2:2026-01-01T00:01:00Z"], "the feed's time is not a minute past the window yet");
    let third = page(Some(&second.cursor), Some(answer(&[vehicle("2", &[gps(120, 1)])], "c3", false)));
    assert_eq!(ids(&third), ["1:2026-01-01T00:00:00Z", "2:2026-01-01T00:02:00Z"]);
}

#[test]
fn the_end_of_a_backlog_is_sent_at_once() {
    host("{}", 60);
    let point = |second: u32| vehicle("1", &[gps(second, 50)]);
    let first = page(None, Some(answer(&[point(10), vehicle("2", &[gps(10, 1)])], "c1", true)));
    assert_eq!(first.documents.len(), 2);
    let second = page(Some(&first.cursor), Some(answer(&[point(20), vehicle("2", &[gps(20, 1)])], "c2", true)));
    assert_eq!(second.documents, [], "no need while more is there");
    let one = Budget { documents_max: 1, ..WIDE };
    let third = fetch(Some(&second.cursor), Some(answer(&[point(30)], "c3", false)), one).unwrap();
    assert_eq!((third.documents[0].sequence.as_deref(), third.next), (Some("3"), Next::More));
    let rest = fetch(Some(&third.cursor), None, one).unwrap();
    assert_eq!((rest.documents[0].id.as_str(), rest.next), ("2:2026-01-01T00:00:00Z", Next::Idle(Some(5_000))));
    let live = page(Some(&rest.cursor), Some(answer(&[point(40)], "c4", false)));
    assert_eq!(live.documents, [], "up to date, windows wait for their minute");
}

#[test]
fn a_small_budget_holds_documents_back_without_asking_again() {
    host(AT_ONCE, 60);
    let vehicles: Vec<String> = (1..=5).map(|id| vehicle(&id.to_string(), &[gps(10, 50)])).collect();
    let two = Budget { documents_max: 2, ..WIDE };
    let mut all = Vec::new();
    let mut last = fetch(None, Some(answer(&vehicles, "c1", false)), two).unwrap();
    while last.next == Next::More {
        assert!(last.documents.len() <= 2);
        all.append(&mut last.documents);
        last = fetch(Some(&last.cursor), None, two).unwrap();
    }
    all.append(&mut last.documents);
    assert_eq!(last.next, Next::Idle(Some(5_000)));
    assert_eq!(all.len(), 5);
    let bytes = Budget { bytes_max: 1, ..WIDE };
    assert_eq!(
        fetch(None, Some(answer(&vehicles, "c1", true)), bytes).unwrap().documents.len(),
        1,
        "always one, or it stands still"
    );
}

#[test]
fn a_late_point_of_a_forgotten_window_stands_on_its_own() {
    host(AT_ONCE, 60);
    let mut readers = Readers::default();
    let first = page(None, Some(answer(&[vehicle("1", &[gps(10, 50)])], "c1", false)));
    readers.commit(&first);
    clock(2_000);
    let second = page(Some(&first.cursor), Some(answer(&[vehicle("1", &[gps(1_990, 51)])], "c2", false)));
    readers.commit(&second);
    let kept = || testing::with(|host| host.state.keys().filter(|key| key.starts_with("window/")).count());
    assert_eq!(kept(), 1, "the first window is forgotten, its document was committed");
    let late = page(Some(&second.cursor), Some(answer(&[vehicle("1", &[gps(20, 52)])], "c3", false)));
    readers.commit(&late);
    assert!(late.documents[0].id.starts_with("1:2026-01-01T00:00:00Z:part-"), "{}", late.documents[0].id);
    assert_eq!(readers.points().len(), 3);
    assert_eq!(kept(), 1);
}

#[test]
fn a_window_that_grows_too_large_goes_on_in_parts() {
    host(r#"{"refresh_seconds":0,"window_minutes":60}"#, 3_600);
    let mut readers = Readers::default();
    let all: Vec<String> = (0..3_000).map(|second| gps(second, second)).collect();
    let mut cursor = None;
    for (number, some) in all.chunks(500).enumerate() {
        let page = page(cursor.as_deref(), Some(answer(&[vehicle("1", some)], &format!("c{number}"), true)));
        readers.commit(&page);
        cursor = Some(page.cursor);
    }
    assert_eq!(readers.points().len(), 3_000);
    assert!(readers.0.keys().any(|id| id.contains(":part-")));
}

#[test]
fn the_recorded_shape_with_placeholder_times_is_taken_without_points() {
    host("{}", 0);
    let body = br#"{"data":[{"id":"id","name":"name","externalIds":{"externalIds":{"key":"value"}},"gps":[{"time":"time","latitude":1.1}],
        "engineStates":{"time":"time","value":"Off"},"serial":"text","odd":7}],"pagination":{"endCursor":"endCursor","hasNextPage":true}}"#;
    let response = apex_sdk::host::http::Response { status: 200, headers: String::new(), body: body.to_vec() };
    let page = page(None, Some(response));
    assert_eq!((page.documents.len(), page.next), (0, Next::More));
    testing::with(|host| assert!(host.lines.iter().any(|(_, line)| line.contains("2 vehicles or points"))));
}

#[test]
fn a_document_tells_the_drive_and_keeps_every_digit() {
    host("{}", 900);
    let body = format!(
        r#"{{"data":[{{"id":"281474977075805","name":"Truck 12","externalIds":{{"samsara.vin":"1XKWD40X4NJ123456"}},
        "gps":[{{"time":"{}","latitude":42.1946000000001,"longitude":-122.7095,"speedMilesPerHour":0,"reverseGeo":{{"formattedLocation":"Ashland, OR"}}}},
          {{"time":"{}","latitude":42.2,"longitude":-122.8,"speedMilesPerHour":61.5,"reverseGeo":{{"formattedLocation":"Talent, OR"}}}},
          {{"time":"{}","latitude":42.3265,"longitude":-122.8756,"speedMilesPerHour":12,"address":{{"id":"77","name":"Medford Yard"}}}}],
        "engineStates":[{{"time":"{}","value":"On"}},{{"time":"{}","value":"Idle"}}],
        "obdOdometerMeters":[{{"time":"{}","value":1234567}},{{"time":"{}","value":1239999}}],
        "faultCodes":[{{"time":"{}","canBusType":"CANBUS_J1939","j1939":{{"diagnosticTroubleCodes":[{{"spnId":110,"fmiId":3,"spnDescription":"Coolant temperature"}}]}}}}]}}],
        "pagination":{{"endCursor":"c1","hasNextPage":false}}}}"#,
        at(0),
        at(300),
        at(600),
        at(0),
        at(630),
        at(0),
        at(600),
        at(60)
    );
    let response = apex_sdk::host::http::Response { status: 200, headers: String::new(), body: body.into_bytes() };
    let document = page(None, Some(response)).documents.remove(0);
    assert_eq!(document.title, "Vehicle Truck 12, 2026-01-01 00:00 to 00:15 UTC");
    assert_eq!(
        document.content,
        "Vehicle Truck 12, between 00:00 and 00:15 UTC on 2026-01-01.\n\
         Engine states: On at 00:00:00, Idle at 00:10:30.\n\
         Fault codes: SPN 110 FMI 3 (Coolant temperature).\n\
         3 GPS points, from Ashland, OR to Medford Yard via Talent, OR; top speed 61.5 mph.\n\
         OBD odometer: from 1234567 m to 1239999 m."
    );
    assert_eq!(
        (document.sequence.as_deref(), document.occurred_at.as_deref()),
        (Some("8"), Some("2026-01-01T00:10:30Z"))
    );
    assert!(document.metadata.contains("42.1946000000001"), "{}", document.metadata);
    let keys: Vec<&str> = document.entities.iter().map(|entity| entity.key.as_str()).collect();
    for key in [
        "vehicle:281474977075805",
        "vin:1xkwd40x4nj123456",
        "place:ashland-or",
        "address:77",
        "fault_code:spn-110-fmi-3",
    ] {
        assert!(keys.contains(&key), "{key} in {keys:?}");
    }
}

#[test]
fn more_than_three_types_are_more_slices() {
    let settings =
        Settings::read(r#"{"types":["gps","engineStates","obdOdometerMeters","fuelPercents","faultCodes"]}"#).unwrap();
    let slices: Vec<String> = settings.groups().iter().map(|types| crate::config::slice_name(types)).collect();
    assert_eq!(slices, ["vehicles", "vehicles-fuelPercents+faultCodes"]);
    assert_eq!(settings.group("vehicles-fuelPercents+faultCodes").unwrap(), ["fuelPercents", "faultCodes"]);
    assert!(matches!(settings.group("gone").unwrap_err().kind, FaultKind::BadConfig(_)));
    for (config, pointer) in [
        (r#"{"types":[]}"#, "/types"),
        (r#"{"types":["gps&after=x"]}"#, "/types"),
        (r#"{"decorations":["a","b","c"]}"#, "/decorations"),
        (r#"{"base_url":"api.samsara.com"}"#, "/base_url"),
        (r#"{"base_url":"https://x/y"}"#, "/base_url"),
        (r#"{"window_minutes":0}"#, "/window_minutes"),
        (r#"{"vehicle_ids":["1,2"]}"#, "/vehicle_ids"),
        (r#"{"nonsense":1}"#, ""),
    ] {
        assert_eq!(Settings::read(config).unwrap_err().kind, FaultKind::BadConfig(pointer.to_owned()), "{config}");
    }
}

#[test]
fn a_broken_answer_is_tried_again_and_moves_nothing() {
    host("{}", 0);
    let html = apex_sdk::host::http::Response { status: 200, headers: String::new(), body: b"<html>".to_vec() };
    let fault = fetch(None, Some(html), WIDE).unwrap_err();
    assert_eq!((fault.kind, fault.code.as_str()), (FaultKind::Retryable(None), "bad-answer"));
}

/// The pages of `examples/samsara-feed`: 793 points in 80 windows, counted with `jq`.
#[test]
fn the_recorded_feed_becomes_a_document_for_each_window() {
    const PAGES: [&str; 13] = [
        include_str!("../../../../examples/samsara-feed/pages/00.json"),
        include_str!("../../../../examples/samsara-feed/pages/01.json"),
        include_str!("../../../../examples/samsara-feed/pages/02.json"),
        include_str!("../../../../examples/samsara-feed/pages/03.json"),
        include_str!("../../../../examples/samsara-feed/pages/04.json"),
        include_str!("../../../../examples/samsara-feed/pages/05.json"),
        include_str!("../../../../examples/samsara-feed/pages/06.json"),
        include_str!("../../../../examples/samsara-feed/pages/07.json"),
        include_str!("../../../../examples/samsara-feed/pages/08.json"),
        include_str!("../../../../examples/samsara-feed/pages/09.json"),
        include_str!("../../../../examples/samsara-feed/pages/10.json"),
        include_str!("../../../../examples/samsara-feed/pages/11.json"),
        include_str!("../../../../examples/samsara-feed/pages/12.json"),
    ];
    host(AT_ONCE, 0);
    let (mut readers, mut cursor) = (Readers::default(), None::<String>);
    for body in PAGES {
        let response = apex_sdk::host::http::Response { status: 200, headers: String::new(), body: body.into() };
        let page = page(cursor.as_deref(), Some(response));
        readers.commit(&page);
        cursor = Some(page.cursor);
    }
    assert!(readers.0.keys().all(|id| !id.contains(":part-")));
    let points = readers.0.values().map(|document| document.sequence.as_ref().unwrap().parse::<usize>().unwrap());
    assert_eq!((readers.0.len(), points.sum::<usize>()), (80, 793));
}
