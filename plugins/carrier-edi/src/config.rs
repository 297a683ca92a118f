//! The source's settings. It must stay small: what a partner sends says the rest.

use apex_sdk::prelude::*;
use serde_json::Value;

use crate::reply::Options;

/// JSON Schema of the `config` table.
pub const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "acknowledge": {
      "type": "boolean", "default": true,
      "description": "Write a 997, 999 or TA1 for every interchange."
    },
    "acknowledge_999": {
      "type": "boolean", "default": true,
      "description": "Answer groups that name an implementation guide of 5010 with a 999; else always with a 997."
    },
    "own_qualifier": {
      "type": "string", "minLength": 2, "maxLength": 2,
      "description": "Our ISA qualifier in acknowledgements, if not the one the partner used."
    },
    "own_id": {
      "type": "string", "minLength": 1, "maxLength": 15,
      "description": "Our ISA id in acknowledgements, if not the one the partner used."
    }
  }
}"#;

/// Settings, read.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whether to acknowledge at all.
    pub acknowledge: bool,
    /// How.
    pub reply: Options,
}

impl Config {
    /// Settings from JSON text.
    ///
    /// # Errors
    /// `bad-config` with a pointer to the wrong key.
    pub fn read(text: &str) -> Result<Self, Fault> {
        let value: Value = serde_json::from_str(text).map_err(|error| {
            Fault::bad_config("", format!("the config is no JSON: {error}; correct the source's table"))
        })?;
        let own_qualifier = string(&value, "own_qualifier", 2..=2)?;
        let own_id = string(&value, "own_id", 1..=15)?;
        if own_qualifier.is_some() != own_id.is_some() {
            let missing = if own_id.is_some() { "/own_qualifier" } else { "/own_id" };
            return Err(Fault::bad_config(missing, "own_qualifier and own_id belong together: set both or none"));
        }
        let allow_999 = flag(&value, "acknowledge_999")?;
        Ok(Self { acknowledge: flag(&value, "acknowledge")?, reply: Options { own_qualifier, own_id, allow_999 } })
    }
}

fn flag(config: &Value, name: &str) -> Result<bool, Fault> {
    match config.get(name) {
        None => Ok(true),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(Fault::bad_config(&format!("/{name}"), format!("{name} must be true or false"))),
    }
}

fn string(config: &Value, name: &str, length: std::ops::RangeInclusive<usize>) -> Result<Option<String>, Fault> {
    match config.get(name) {
        None => Ok(None),
        Some(Value::String(text))
            if length.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') =>
        {
            Ok(Some(text.clone()))
        }
        Some(_) => {
            let message = format!("{name} must be text of {} to {} ASCII characters", length.start(), length.end());
            Err(Fault::bad_config(&format!("/{name}"), message))
        }
    }
}
