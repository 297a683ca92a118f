//! The description of the API against its router and its answers.

use std::collections::BTreeSet;

use apex_intake::api::openapi;
use serde_json::Value;

use crate::client::{self, Response};
use crate::harness::{Host, OPERATOR};

const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

fn description() -> Value {
    serde_json::to_value(openapi()).unwrap()
}

/// Checks an answer against the description: the route and status are described, and every object has exactly the
/// described fields.
pub fn check(method: &str, target: &str, response: &Response) {
    let spec = description();
    let path = target.split('?').next().unwrap();
    let Some((template, item)) = find(&spec, path) else { return };
    let Some(operation) = item.get(method.to_ascii_lowercase()) else { return };
    // Errors that any route can answer are described once, in the introduction.
    if response.header("content-type") == "application/problem+json" {
        return check_value(&spec, &spec["components"]["schemas"]["Problem"], &response.json(), "problem");
    }
    let described = &operation["responses"][response.status.to_string()];
    assert!(described.is_object(), "{method} {template} answers {}, which is not described", response.status);
    let schema = &described["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{method} {template} describes no body for {}", response.status);
    check_value(&spec, schema, &response.json(), &format!("{method} {template}"));
}

fn find<'a>(spec: &'a Value, path: &str) -> Option<(&'a str, &'a Value)> {
    let wanted: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == wanted.len()
            && parts.iter().zip(&wanted).all(|(part, wanted)| part.starts_with('{') || part == wanted)
    };
    let paths = spec["paths"].as_object().unwrap();
    let exact = paths.get_key_value(path);
    exact
        .or_else(|| paths.iter().find(|(template, _)| fits(template)))
        .map(|(template, item)| (template.as_str(), item))
}

fn check_value(spec: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let name = reference.rsplit('/').next().unwrap();
        return check_value(spec, &spec["components"]["schemas"][name], value, &format!("{at} ({name})"));
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(choices) = schema.get(choice).and_then(Value::as_array) {
            let real = choices.iter().find(|choice| choice.get("type") != Some(&Value::from("null")));
            if !value.is_null() {
                check_value(spec, real.unwrap(), value, at);
            }
            return;
        }
    }
    if schema.get("allOf").is_some() {
        return check_all_of(spec, schema, value, at);
    }
    match value {
        Value::Array(items) => {
            let inner = schema.get("items").unwrap_or_else(|| panic!("{at} is an array: {schema}"));
            for item in items {
                check_value(spec, inner, item, at);
            }
        }
        Value::Object(fields) => {
            let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
            let required: BTreeSet<&str> =
                schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect();
            for name in &required {
                assert!(fields.contains_key(*name), "{at} lacks `{name}`: {value}");
            }
            for (name, field) in fields {
                let described =
                    properties.get(name).unwrap_or_else(|| panic!("{at} has `{name}`, which is not described"));
                check_value(spec, described, field, &format!("{at}.{name}"));
            }
        }
        scalar => check_scalar(schema, scalar, at),
    }
}

fn check_scalar(schema: &Value, value: &Value, at: &str) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::String(_) => "string",
        Value::Number(number) if number.is_f64() => "number",
        _ => "integer",
    };
    let described = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().map(|one| one.as_str().unwrap()).collect(),
        _ => return,
    };
    assert!(
        described.contains(&kind) || kind == "integer" && described.contains(&"number"),
        "{at} is {value}, not {described:?}"
    );
}

fn check_all_of(spec: &Value, schema: &Value, value: &Value, at: &str) {
    let mut properties = serde_json::Map::new();
    let mut required = Vec::new();
    for part in schema["allOf"].as_array().unwrap() {
        let part = match part.get("$ref").and_then(Value::as_str) {
            Some(reference) => &spec["components"]["schemas"][reference.rsplit('/').next().unwrap()],
            None => part,
        };
        properties.extend(part["properties"].as_object().unwrap().clone());
        required.extend(part["required"].as_array().into_iter().flatten().cloned());
    }
    let whole = serde_json::json!({ "type": "object", "properties": properties, "required": required });
    check_value(spec, &whole, value, at);
}

#[test]
fn the_description_lists_the_promised_routes() {
    let spec = description();
    // The surface's table of routes, written out by hand.
    let promised = [
        ("get", "/v1/documents"),
        ("post", "/v1/documents"),
        ("get", "/v1/documents/{id}"),
        ("delete", "/v1/documents/{id}"),
        ("get", "/v1/documents/{id}/history"),
        ("get", "/v1/search"),
        ("get", "/v1/graph/{entity}"),
        ("get", "/v1/events"),
        ("get", "/v1/events/{id}"),
        ("get", "/v1/sources"),
        ("get", "/v1/sources/{name}"),
        ("post", "/v1/sources/{name}/pause"),
        ("post", "/v1/sources/{name}/resume"),
        ("post", "/v1/sources/{name}/poll"),
        ("get", "/v1/sources/{name}/cursors"),
        ("put", "/v1/sources/{name}/cursors"),
        ("get", "/v1/plugins"),
        ("get", "/v1/dead-letters"),
        ("get", "/v1/dead-letters/{id}"),
        ("post", "/v1/dead-letters/{id}/replay"),
        ("post", "/v1/dead-letters/replay"),
        ("post", "/v1/files/{source}"),
        ("post", "/v1/deliveries/{source}"),
        ("get", "/v1/stats"),
        ("get", "/v1/doctor"),
        ("get", "/v1/openapi.json"),
    ];
    let described: BTreeSet<(String, String)> = spec["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            METHODS
                .iter()
                .filter(|method| item.get(**method).is_some())
                .map(|method| ((*method).to_owned(), path.clone()))
        })
        .collect();
    let promised: BTreeSet<(String, String)> =
        promised.into_iter().map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(described, promised);
}

#[test]
fn every_reference_in_the_description_resolves() {
    let spec = description();
    let text = spec.to_string();
    for reference in text.split("\"$ref\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(spec.pointer(pointer).is_some(), "{reference} is not described");
    }
}

#[tokio::test]
async fn the_router_takes_exactly_the_described_methods() {
    let host = Host::start().await;
    let authorization = format!("Bearer {OPERATOR}");
    let served: Value = {
        let response =
            client::request(host.api, "GET", "/v1/openapi.json", &[("authorization", &authorization)], b"").await;
        assert_eq!(response.status, 200);
        response.json()
    };
    assert_eq!(served, description());
    for (template, item) in served["paths"].as_object().unwrap() {
        let path: Vec<&str> =
            template.split('/').map(|part| if part.starts_with('{') { "anything" } else { part }).collect();
        for method in METHODS {
            let upper = method.to_ascii_uppercase();
            let headers = [("authorization", authorization.as_str())];
            let response = client::request(host.api, &upper, &path.join("/"), &headers, b"").await;
            let described = item.get(method).is_some();
            let taken = response.status != 405 && !response.text().contains("no such route");
            assert_eq!(taken, described, "{upper} {template} answers {}", response.status);
        }
    }
}
