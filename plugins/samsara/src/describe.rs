//! What the connector says of itself: kinds of documents and entities, and the schema of its settings.

use apex_sdk::prelude::*;

/// The connector's description.
pub fn description() -> Description {
    Description::new("samsara", env!("CARGO_PKG_VERSION"), "Vehicle statistics and alerts from Samsara")
        .documents(&[
            "vehicle_stats",
            "alert",
            "vehicle_event",
            "route_event",
            "shipment_event",
            "vehicle",
            "driver",
            "address",
            "driver_document",
            "dvir",
            "form",
            "issue",
            "work_order",
            "event",
        ])
        .entity("vehicle", &["vehicle-id"])
        .entity("driver", &["driver-id"])
        .entity("place", &["address-id"])
        .entity("route", &["route-id"])
        .entity("id", &["vin"])
        .entity("fault_code", &["code"])
        .config_schema(SCHEMA)
}

/// JSON Schema of the `config` table. Every key has a default; see `README.md` for what they are good for.
pub const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "base_url": { "type": "string", "pattern": "^https?://[^/]+", "default": "https://api.samsara.com" },
    "types": {
      "type": "array", "minItems": 1, "maxItems": 60, "uniqueItems": true,
      "items": { "type": "string", "pattern": "^[A-Za-z0-9]+$" },
      "default": ["gps", "engineStates", "obdOdometerMeters"]
    },
    "decorations": {
      "type": "array", "maxItems": 2, "uniqueItems": true, "default": [],
      "items": { "type": "string", "pattern": "^[A-Za-z0-9]+$" }
    },
    "vehicle_ids": { "type": "array", "items": { "type": "string", "pattern": "^[^,\\s]+$" }, "default": [] },
    "tag_ids": { "type": "array", "items": { "type": "string", "pattern": "^[^,\\s]+$" }, "default": [] },
    "window_minutes": { "type": "integer", "minimum": 1, "maximum": 1440, "default": 15 },
    "refresh_seconds": { "type": "integer", "minimum": 0, "maximum": 86400, "default": 60 }
  }
}"#;
