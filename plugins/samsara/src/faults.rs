//! Trouble codes out of the `faultCodes` stat, whichever bus they came over: J1939, OBD-II, or the maker's own.

use std::collections::BTreeSet;

use crate::points::Row;

/// Codes named in one document.
const FAULTS_MAX: usize = 20;

/// A trouble code.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaultCode {
    /// For the entity's key: `spn-110-fmi-3`, `p0300`.
    pub key: String,
    /// What readers see: `SPN 110 FMI 3 (Coolant temperature)`.
    pub told: String,
}

/// The trouble codes of all buses, each once.
pub fn codes(rows: &BTreeSet<Row>) -> Vec<FaultCode> {
    let mut found = BTreeSet::new();
    for row in rows {
        for bus in ["j1939", "obdii", "oem"] {
            let value: serde_json::Value =
                row.cells.get(bus).and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
            let codes = value.get("diagnosticTroubleCodes").and_then(serde_json::Value::as_array);
            codes.into_iter().flatten().for_each(|code| gather(code, &mut found));
        }
    }
    found.into_iter().take(FAULTS_MAX).collect()
}

fn gather(code: &serde_json::Value, found: &mut BTreeSet<FaultCode>) {
    let text = |value: &serde_json::Value, key: &str| {
        value
            .get(key)
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .filter(|text| !text.is_empty() && text != "null")
    };
    let mut add = |name: String, what: Option<String>| {
        let told = what.map_or_else(|| name.clone(), |what| format!("{name} ({})", what.trim()));
        found.insert(FaultCode { key: name.to_lowercase().replace(' ', "-"), told });
    };
    if let (Some(spn), Some(fmi)) = (text(code, "spnId"), text(code, "fmiId")) {
        let what = [text(code, "spnDescription"), text(code, "fmiDescription")];
        let what = what.into_iter().flatten().collect::<Vec<_>>().join(": ");
        add(format!("SPN {spn} FMI {fmi}"), Some(what).filter(|what| !what.is_empty()));
    }
    if let Some(name) = text(code, "codeIdentifier") {
        add(name, text(code, "codeDescription"));
    }
    for list in ["confirmedDtcs", "pendingDtcs", "permanentDtcs"] {
        for dtc in code.get(list).and_then(serde_json::Value::as_array).into_iter().flatten() {
            if let Some(name) = text(dtc, "dtcShortCode") {
                add(name, text(dtc, "dtcDescription"));
            }
        }
    }
}
