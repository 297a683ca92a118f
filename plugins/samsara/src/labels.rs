//! Words for stat keys: `obdOdometerMeters` is "OBD odometer" in metres. Keys that are not known are read from their own
//! spelling, so a new one still has a label. No values are looked at.

/// How a stat's numbers are said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The stat in words.
    pub name: String,
    /// What follows a number; empty if none.
    pub unit: &'static str,
    /// Places the decimal point moves to the left.
    pub shift: usize,
}

/// Endings of keys, longest first where one ends another: written form, unit, decimal shift.
const UNITS: [(&str, &str, usize); 24] = [
    ("MilliCelsius", " °C", 3),
    ("MilliC", " °C", 3),
    ("MilliVolts", " V", 3),
    ("MilliVolt", " V", 3),
    ("MilliAmps", " A", 3),
    ("MilliAmp", " A", 3),
    ("MilliPercents", " %", 3),
    ("MilliPercent", " %", 3),
    ("Milliseconds", " ms", 0),
    ("Milliliters", " ml", 0),
    ("MilliKnots", " kn", 3),
    ("MicroWh", " µWh", 0),
    ("Percents", " %", 0),
    ("Percent", " %", 0),
    ("Meters", " m", 0),
    ("Seconds", " s", 0),
    ("KPa", " kPa", 0),
    ("Pa", " Pa", 0),
    ("Mph", " mph", 0),
    ("Rpm", " rpm", 0),
    ("MilesPerHour", " mph", 0),
    ("Degrees", "°", 0),
    ("Liters", " l", 0),
    ("Celsius", " °C", 0),
];

/// Words that are written in capitals.
const CAPITALS: [&str; 8] = ["obd", "gps", "ecu", "ev", "def", "nfc", "rpm", "id"];

/// The label of a stat key.
pub fn label(key: &str) -> Label {
    let unit = UNITS.iter().find(|(ending, _, _)| key.ends_with(ending) && key.len() > ending.len());
    let (ending, unit, shift) = unit.copied().unwrap_or(("", "", 0));
    // `engineRpm` would be an "engine".
    let stem = if ending == "Rpm" { key } else { key.strip_suffix(ending).unwrap_or(key) };
    Label { name: words(stem), unit, shift }
}

/// `engineStates` is `Engine states`.
pub fn words(key: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut last_lower = false;
    for c in key.chars() {
        let starts = c.is_ascii_uppercase() && last_lower;
        match words.last_mut().filter(|_| !starts && c.is_ascii_alphanumeric()) {
            Some(word) => word.push(c.to_ascii_lowercase()),
            None if c.is_ascii_alphanumeric() => words.push(c.to_ascii_lowercase().to_string()),
            None => words.push(String::new()),
        }
        last_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    let capital = |word: String| if CAPITALS.contains(&word.as_str()) { word.to_ascii_uppercase() } else { word };
    let text = words.into_iter().filter(|word| !word.is_empty()).map(capital).collect::<Vec<_>>().join(" ");
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}

impl Label {
    /// A JSON number with its unit, its decimal point moved: `21500` milli is `21.5 °C`. Numbers with an exponent stay.
    pub fn said(&self, number: &str) -> String {
        format!("{}{}", self.shifted(number).unwrap_or_else(|| number.to_owned()), self.unit)
    }

    fn shifted(&self, number: &str) -> Option<String> {
        let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if self.shift == 0
            || whole.is_empty()
            || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit())
        {
            return None;
        }
        let padded = format!("{whole:0>width$}", width = self.shift + 1);
        let (whole, moved) = padded.split_at_checked(padded.len() - self.shift)?;
        let fraction = format!("{moved}{fraction}");
        let fraction = fraction.trim_end_matches('0');
        Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::{label, words};

    #[test]
    fn keys_in_words() {
        let said = |key: &str, number: &str| format!("{}: {}", label(key).name, label(key).said(number));
        assert_eq!(said("obdOdometerMeters", "1234567"), "OBD odometer: 1234567 m");
        assert_eq!(said("ambientAirTemperatureMilliC", "21500"), "Ambient air temperature: 21.5 °C");
        assert_eq!(said("ambientAirTemperatureMilliC", "-50"), "Ambient air temperature: -0.05 °C");
        assert_eq!(said("batteryMilliVolts", "12000"), "Battery: 12 V");
        assert_eq!(said("fuelPercents", "61"), "Fuel: 61 %");
        assert_eq!(said("engineRpm", "1500"), "Engine RPM: 1500 rpm");
        assert_eq!(said("evStateOfChargeMilliPercent", "55125"), "EV state of charge: 55.125 %");
        assert_eq!(said("engineOilPressureKPa", "1e3"), "Engine oil pressure: 1e3 kPa");
        assert_eq!(said("brandNewStat", "7"), "Brand new stat: 7");
        assert_eq!(words("RouteStopEtaUpdated"), "Route stop eta updated");
        assert_eq!(words("j1939"), "J1939");
        assert_eq!(words(""), "");
    }
}
