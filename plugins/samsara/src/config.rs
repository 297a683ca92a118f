//! The source's settings: defaults, bounds, and which stat types go into which call. It reads no secrets.

use apex_sdk::prelude::*;
use serde::Deserialize;

/// Stat types one call may ask for (Samsara's API description of 2022; not verified against the live API).
pub const TYPES_PER_CALL: usize = 3;
/// Decorations one call may ask for (same source).
const DECORATIONS_MAX: usize = 2;
/// Windows longer than a day would put too many points into one document.
const WINDOW_MINUTES_MAX: u32 = 1_440;
/// The types asked for unless the operator says otherwise, and the slice they are known as.
const DEFAULT_TYPES: [&str; TYPES_PER_CALL] = ["gps", "engineStates", "obdOdometerMeters"];

/// The `config` table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Scheme and host of the API, without a path.
    pub base_url: String,
    /// Stat types, as the feed names them.
    pub types: Vec<String>,
    /// Stats to be attached to every point.
    pub decorations: Vec<String>,
    /// Only these vehicles; empty: all.
    pub vehicle_ids: Vec<String>,
    /// Only vehicles with these tags; empty: all.
    pub tag_ids: Vec<String>,
    /// How much time one document covers.
    pub window_minutes: u32,
    /// How often a document of a window that is still open is sent again; 0: with every page that adds to it.
    pub refresh_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: "https://api.samsara.com".to_owned(),
            types: DEFAULT_TYPES.map(str::to_owned).to_vec(),
            decorations: Vec::new(),
            vehicle_ids: Vec::new(),
            tag_ids: Vec::new(),
            window_minutes: 15,
            refresh_seconds: 60,
        }
    }
}

impl Settings {
    /// Reads and checks the settings.
    ///
    /// # Errors
    /// `bad-config`, pointing at the key.
    pub fn read(json: &str) -> Result<Self, Fault> {
        let json = if json.trim().is_empty() { "{}" } else { json };
        let settings: Self = serde_json::from_str(json).map_err(|error| {
            Fault::bad_config("", format!("the config table cannot be read: {error}; compare it with the README"))
        })?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), Fault> {
        let wrong = |key: &str, what: &str| Err(Fault::bad_config(key, what));
        let host = self.base_url.strip_prefix("https://").or_else(|| self.base_url.strip_prefix("http://"));
        if !host.is_some_and(|host| !host.is_empty() && !host.trim_end_matches('/').contains(['/', '?', '#', '@', ' ']))
        {
            return wrong("/base_url", "base_url must be http:// or https:// and a host, without a path");
        }
        if self.types.is_empty() || !self.types.iter().chain(&self.decorations).all(|name| is_word(name)) {
            return wrong("/types", "types must name at least one stat, such as \"gps\"; only letters and digits");
        }
        if self.decorations.len() > DECORATIONS_MAX {
            return wrong("/decorations", "Samsara takes at most 2 decorations");
        }
        let id = |id: &String| !id.is_empty() && !id.contains([',', ' ']) && !id.chars().any(char::is_control);
        if !self.vehicle_ids.iter().all(id) {
            return wrong("/vehicle_ids", "vehicle_ids must be ids without commas or spaces");
        }
        if !self.tag_ids.iter().all(id) {
            return wrong("/tag_ids", "tag_ids must be ids without commas or spaces");
        }
        if !(1..=WINDOW_MINUTES_MAX).contains(&self.window_minutes) {
            return wrong("/window_minutes", "window_minutes must be 1 to 1440");
        }
        Ok(())
    }

    /// The types of each call: at most three, in the order given.
    pub fn groups(&self) -> Vec<&[String]> {
        self.types.chunks(TYPES_PER_CALL).collect()
    }

    /// The types that a slice stands for.
    ///
    /// # Errors
    /// `bad-config`: the settings have changed and no longer hold these types.
    pub fn group(&self, slice: &str) -> Result<&[String], Fault> {
        let gone =
            || Fault::bad_config("/types", format!("the slice `{slice}` is not among the configured types any more"));
        self.groups().into_iter().find(|types| slice_name(types) == slice).ok_or_else(gone)
    }
}

/// The name of the slice for some types. A slice keeps its cursor under this name: other types are another slice.
pub fn slice_name(types: &[String]) -> String {
    if is_default(types) { "vehicles".to_owned() } else { format!("vehicles-{}", types.join("+")) }
}

/// What the documents of some types have at the end of their ids: nothing for the default types.
pub fn id_suffix(types: &[String]) -> String {
    if is_default(types) { String::new() } else { format!(":{}", types.join("+")) }
}

fn is_default(types: &[String]) -> bool {
    types == DEFAULT_TYPES
}

fn is_word(name: &str) -> bool {
    (1..=40).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
