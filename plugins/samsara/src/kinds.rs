//! What each of Samsara's event types is about. Types that are not listed are taken as events of no known kind.

/// What an event type is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The document kind.
    pub document: &'static str,
    /// Where in `data` the object is whose state this is: the document's id is the object's, so that a later state replaces
    /// it. Absent: something that happened, a document of its own.
    pub subject: Option<&'static str>,
    /// The object is gone.
    pub gone: bool,
}

const fn state(document: &'static str, subject: &'static str) -> Kind {
    Kind { document, subject: Some(subject), gone: false }
}

const fn happened(document: &'static str) -> Kind {
    Kind { document, subject: None, gone: false }
}

/// What an event type is about.
pub fn kind(event_type: &str) -> Kind {
    match event_type {
        "AddressCreated" | "AddressUpdated" => state("address", "address"),
        "AddressDeleted" => Kind { gone: true, ..state("address", "address") },
        "DriverCreated" | "DriverUpdated" => state("driver", "driver"),
        "VehicleCreated" | "VehicleUpdated" => state("vehicle", "vehicle"),
        "DocumentSubmitted" => state("driver_document", "document"),
        "DvirSubmitted" => state("dvir", "dvir"),
        "FormSubmitted" | "FormUpdated" => state("form", "form"),
        "IssueCreated" => state("issue", "issue"),
        "WorkOrderCreatedOrChanged" => state("work_order", "workOrder"),
        "Alert" | "AlertIncident" | "AlertObjectEvent" | "PredictiveMaintenanceAlert" | "VisualSearchMatch" => {
            happened("alert")
        }
        // An estimate is only worth keeping until the next one.
        "RouteStopEtaUpdated" => state("route_event", "routeStopDetails"),
        "RouteStopArrival" | "RouteStopDeparture" | "RouteStopEarlyLateArrival" | "RouteStopResequence" => {
            happened("route_event")
        }
        "ShipmentTrackingEvent" => happened("shipment_event"),
        "EngineFaultOn"
        | "EngineFaultOff"
        | "GatewayUnplugged"
        | "GeofenceEntry"
        | "GeofenceExit"
        | "MissingDvirPastDue"
        | "SevereSpeedingStarted"
        | "SevereSpeedingEnded"
        | "SpeedingEventStarted"
        | "SpeedingEventEnded"
        | "SuddenFuelLevelDrop"
        | "SuddenFuelLevelRise" => happened("vehicle_event"),
        _ => happened("event"),
    }
}
