//! Checks a source's `config` against the JSON Schema that its connector describes: the keywords that settings need, not
//! the whole standard. Unknown keys are errors unless the schema allows them.
//!
//! Read: `type`, `enum`, `const`, `required`, `properties`, `additionalProperties`, `items`, `minimum`, `maximum`,
//! `minLength`, `maxLength` (JSON Schema 2020-12, validation vocabulary). Other keywords are left to `describe.check`.

use serde_json::{Map, Value};

/// The first rule broken: a JSON pointer and a sentence.
pub(crate) fn check(schema: &Value, value: &Value) -> Result<(), String> {
    at(schema, value, "")
}

fn at(schema: &Value, value: &Value, pointer: &str) -> Result<(), String> {
    let Some(schema) = schema.as_object() else { return Ok(()) };
    let wrong = |text: String| Err(format!("config at `{}`: {text}", if pointer.is_empty() { "/" } else { pointer }));
    if let Some(wanted) = schema.get("type")
        && !type_fits(wanted, value)
    {
        return wrong(format!("must be of type {wanted}"));
    }
    if let Some(Value::Array(allowed)) = schema.get("enum")
        && !allowed.contains(value)
    {
        return wrong(format!("must be one of {}", Value::Array(allowed.clone())));
    }
    if let Some(only) = schema.get("const")
        && only != value
    {
        return wrong(format!("must be {only}"));
    }
    if let Err(text) = bounds(schema, value) {
        return wrong(text);
    }
    match value {
        Value::Object(object) => object_at(schema, object, pointer),
        Value::Array(items) => match schema.get("items") {
            Some(each) => {
                items.iter().enumerate().try_for_each(|(index, item)| at(each, item, &format!("{pointer}/{index}")))
            }
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

fn object_at(schema: &Map<String, Value>, object: &Map<String, Value>, pointer: &str) -> Result<(), String> {
    let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for name in required.iter().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            return Err(format!("config at `{pointer}/{name}`: is required"));
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, value) in object {
        let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
        match properties.and_then(|properties| properties.get(name)) {
            Some(property) => at(property, value, &pointer)?,
            None => match schema.get("additionalProperties") {
                Some(Value::Bool(true)) => {}
                Some(other @ Value::Object(_)) => at(other, value, &pointer)?,
                _ => return Err(format!("config at `{pointer}`: is not a setting of this connector")),
            },
        }
    }
    Ok(())
}

fn type_fits(wanted: &Value, value: &Value) -> bool {
    let one = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => true,
    };
    match wanted {
        Value::String(name) => one(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(one),
        _ => true,
    }
}

fn bounds(schema: &Map<String, Value>, value: &Value) -> Result<(), String> {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let length = value.as_str().map(|text| text.chars().count());
    let count = |name: &str| schema.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    match (value.as_f64(), length) {
        (Some(number), _) if bound("minimum").is_some_and(|least| number < least) => {
            Err(format!("must be at least {}", bound("minimum").unwrap_or_default()))
        }
        (Some(number), _) if bound("maximum").is_some_and(|most| number > most) => {
            Err(format!("must be at most {}", bound("maximum").unwrap_or_default()))
        }
        (_, Some(length)) if count("minLength").is_some_and(|least| length < least) => Err("is too short".to_owned()),
        (_, Some(length)) if count("maxLength").is_some_and(|most| length > most) => Err("is too long".to_owned()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_config_fits_or_the_pointer_says_where_not() {
        let schema = json!({
            "type": "object",
            "required": ["inbox"],
            "properties": {
                "inbox": {"type": "string", "minLength": 1},
                "limit": {"type": "integer", "minimum": 1, "maximum": 500},
                "mode": {"enum": ["a", "b"]},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
        });
        assert_eq!(check(&schema, &json!({"inbox": "ops", "limit": 500, "mode": "a", "tags": ["x"]})), Ok(()));
        for (config, pointer) in [
            (json!([]), "`/`"),
            (json!({}), "`/inbox`"),
            (json!({"inbox": ""}), "`/inbox`"),
            (json!({"inbox": "x", "limit": 0}), "`/limit`"),
            (json!({"inbox": "x", "limit": 1.5}), "`/limit`"),
            (json!({"inbox": "x", "mode": "c"}), "`/mode`"),
            (json!({"inbox": "x", "tags": [1]}), "`/tags/0`"),
            (json!({"inbox": "x", "in/box": 1}), "`/in~1box`"),
        ] {
            let error = check(&schema, &config).unwrap_err();
            assert!(error.contains(pointer), "{config}: {error}");
        }
    }
}
