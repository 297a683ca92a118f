//! Which document an event becomes.

use apex_sdk::prelude::*;

use crate::event::documents;

/// The types a webhook can be subscribed to, of both generations.
const TYPES: [&str; 36] = [
    "AddressCreated",
    "AddressDeleted",
    "AddressUpdated",
    "Alert",
    "AlertIncident",
    "AlertObjectEvent",
    "DocumentSubmitted",
    "DriverCreated",
    "DriverUpdated",
    "DvirSubmitted",
    "EngineFaultOff",
    "EngineFaultOn",
    "FormSubmitted",
    "FormUpdated",
    "GatewayUnplugged",
    "GeofenceEntry",
    "GeofenceExit",
    "IssueCreated",
    "MissingDvirPastDue",
    "PredictiveMaintenanceAlert",
    "RouteStopArrival",
    "RouteStopDeparture",
    "RouteStopEarlyLateArrival",
    "RouteStopEtaUpdated",
    "RouteStopResequence",
    "SevereSpeedingEnded",
    "SevereSpeedingStarted",
    "ShipmentTrackingEvent",
    "SpeedingEventEnded",
    "SpeedingEventStarted",
    "SuddenFuelLevelDrop",
    "SuddenFuelLevelRise",
    "VehicleCreated",
    "VehicleUpdated",
    "VisualSearchMatch",
    "WorkOrderCreatedOrChanged",
];

fn one(json: &str) -> Document {
    let mut documents = documents(json.as_bytes()).expect("an event");
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

fn second(kind: &str, data: &str) -> String {
    format!(
        r#"{{"eventId":"e-1","eventTime":"2026-01-01T00:00:01.5Z","eventType":"{kind}","orgId":20936,"webhookId":"14","data":{data}}}"#
    )
}

fn incident(vehicle: &str, resolved: bool, updated: &str) -> Document {
    let data = format!(
        r#"{{"configurationId":"9814a1fa","happenedAtTime":"2026-01-01T00:00:00Z","updatedAtTime":"{updated}","isResolved":{resolved},
        "incidentUrl":"https://cloud.samsara.com/o/1/i/2","conditions":[{{"description":"Severe speeding","triggerId":1000,"details":{{"severeSpeeding":
        {{"driver":{{"id":"45646","name":"Driver Bob"}},"vehicle":{{"id":"{vehicle}","name":"Truck 12","vin":"1GBJ6P1B2HV112765"}},"maxSpeedMilesPerHour":81.25}}}}}}]}}"#
    );
    one(&second("AlertIncident", &data))
}

#[test]
fn a_resolved_incident_replaces_the_open_one() {
    let open = incident("494123", false, "2026-01-01T00:00:05Z");
    let resolved = incident("494123", true, "2026-01-01T00:00:05Z");
    assert_eq!(open.id, "incident:9814a1fa:2026-01-01T00:00:00Z:vehicle-494123");
    assert_eq!((open.kind.as_str(), &resolved.id), ("alert", &open.id));
    assert_eq!(open.sequence.as_deref(), Some("1767225605000"));
    assert_eq!(resolved.sequence.as_deref(), Some("1767225605001"), "even within one second");
    assert_eq!(open.occurred_at.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(open.title, "Alert, Severe speeding: Truck 12, Driver Bob");
    assert_eq!(resolved.title, "Alert resolved, Severe speeding: Truck 12, Driver Bob");
    assert_ne!(incident("494124", false, "2026-01-01T00:00:05Z").id, open.id, "two vehicles, one second");
    let relation = open.relations.iter().find(|relation| relation.kind == "driven_by").unwrap();
    assert_eq!((relation.from.as_str(), relation.to.as_str()), ("vehicle:494123", "driver:45646"));
    assert!(open.entities.iter().any(|entity| entity.key == "vin:1gbj6p1b2hv112765"));
    assert!(open.content.contains("81.25"), "{}", open.content);
}

#[test]
fn a_first_generation_alert() {
    let json = r#"{"eventId":"bf72239c","eventMs":1587597109477,"eventType":"Alert","event":{"alertConditionDescription":"Harsh braking",
        "alertConditionId":"DeviceHarshEvent","startMs":1587597100000,"resolved":false,"summary":"Truck 7 braked hard","device":{"id":212014918414064,"name":"Truck 7"}}}"#;
    let document = one(json);
    assert_eq!(document.id, "alert:DeviceHarshEvent:1587597100000:device-212014918414064");
    assert_eq!(document.title, "Alert, Harsh braking: Truck 7");
    assert_eq!(document.sequence.as_deref(), Some("1587597109477"));
    assert_eq!(document.occurred_at.as_deref(), Some("2020-04-22T23:11:40Z"));
    assert!(document.entities.iter().any(|entity| entity.key == "vehicle:212014918414064"));
}

#[test]
fn a_state_replaces_the_state_before() {
    let created = one(&second(
        "VehicleCreated",
        r#"{"vehicle":{"id":"494123","name":"Truck 12","externalIds":{"samsara.vin":"V1N"}}}"#,
    ));
    let updated = one(&second("VehicleUpdated", r#"{"vehicle":{"id":"494123","name":"Truck 12b"}}"#));
    assert_eq!((created.id.as_str(), created.kind.as_str()), ("vehicle:494123", "vehicle"));
    assert_eq!(updated.id, created.id);
    assert_eq!(created.sequence.as_deref(), Some("1767225601500"));
    assert!(created.entities.iter().any(|entity| entity.key == "vin:v1n"));
    let own = one(&second("DriverUpdated", r#"{"id":"7","name":"Søren"}"#));
    assert_eq!((own.id.as_str(), own.title.as_str()), ("driver:7", "Driver updated: Søren"));
    let eta = one(&second(
        "RouteStopEtaUpdated",
        r#"{"route":{"id":"3","name":"Bid 123"},"routeStopDetails":{"id":"141414","eta":"2026-01-01T02:00:00Z"}}"#,
    ));
    assert_eq!((eta.id.as_str(), eta.kind.as_str()), ("route_stop_eta:141414", "route_event"));
}

#[test]
fn a_deleted_address_deletes_its_document() {
    let document = one(&second("AddressDeleted", r#"{"address":{"id":"494123","name":"Yard"}}"#));
    assert_eq!((document.id.as_str(), document.op), ("address:494123", Op::Delete));
    assert_eq!(document.sequence.as_deref(), Some("1767225601500"));
}

#[test]
fn what_happened_is_a_document_of_its_own() {
    let document = one(&second(
        "GeofenceEntry",
        r#"{"time":"2026-01-01T00:00:00Z","address":{"id":"9","name":"Medford Yard","formattedAddress":"12 Main St"},"vehicle":{"id":"494123","name":"Truck 12"}}"#,
    ));
    assert_eq!((document.id.as_str(), document.kind.as_str()), ("event:e-1", "vehicle_event"));
    assert_eq!(document.title, "Geofence entry: Truck 12, Medford Yard");
    assert!(document.content.contains("Address formatted address: 12 Main St"), "{}", document.content);
    assert!(document.relations.iter().any(|relation| relation.kind == "was_at" && relation.to == "address:9"));
    let metadata: serde_json::Value = serde_json::from_str(&document.metadata).unwrap();
    assert_eq!(
        (metadata["org_id"].as_str(), metadata["data"]["vehicle"]["id"].as_str()),
        (Some("20936"), Some("494123"))
    );
}

#[test]
fn every_type_and_odd_data_make_one_document() {
    let data = [
        "{}",
        "null",
        "[]",
        "3",
        r#"{"id":null,"vehicle":{"name":"no id"}}"#,
        r#"{"vehicle":{"id":"1"},"conditions":[{}],"configurationId":"c"}"#,
    ];
    for kind in TYPES.iter().chain(&["FromTheFuture", ""]) {
        for data in data {
            let document = one(&second(kind, data));
            assert!(!document.id.is_empty() && document.id.len() <= 200, "{kind} {data}");
            assert!(
                !document.title.contains('\n') && (document.op == Op::Delete || !document.title.is_empty()),
                "{kind} {data}"
            );
            assert!(serde_json::from_str::<serde_json::Value>(&document.metadata).unwrap().is_object());
            for relation in &document.relations {
                let known = |key: &str| document.entities.iter().any(|entity| entity.key == key);
                assert!(known(&relation.from) && known(&relation.to), "{kind} {data}");
            }
        }
    }
    let without: Vec<&&str> = TYPES.iter().filter(|kind| crate::kinds::kind(kind).document == "event").collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn a_deep_or_wide_body_stays_small() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100));
    assert!(one(&second("GeofenceEntry", &deep)).content.len() < 1_000);
    let wide = format!("{{{}}}", (0..5_000).map(|n| format!("\"k{n}\":\"{n}\"")).collect::<Vec<_>>().join(","));
    assert!(one(&second("GeofenceEntry", &wide)).content.lines().count() < 200);
}
