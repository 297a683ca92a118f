//! Documents, search and graph over the API, who may use it, and how it says no.

use std::sync::atomic::Ordering;

use apex_config::limits::IntakeLimits;
use apex_model::Timestamp;
use apex_model::document::{Document, Entity, Op, Relation};
use apex_model::event::{EventKind, EventState};
use apex_model::ids::{DocumentId, EventId};
use apex_model::reading::{DocumentView, Graph, GraphNode, VersionLine};
use serde_json::json;

use crate::client;
use crate::fakes::{THEN_MS, name, plugin_ref};
use crate::harness::{Host, OPERATOR, READER};

fn entity(key: &str) -> Entity {
    Entity { key: key.to_owned(), kind: "shipment".to_owned(), name: key.to_uppercase() }
}

pub fn view(local: &str) -> DocumentView {
    DocumentView {
        id: DocumentId::new(&name("alpha"), local),
        source: name("alpha"),
        kind: "note".to_owned(),
        version: 3,
        title: format!("title of {local}"),
        content: "content".to_owned(),
        media_type: "text/plain".to_owned(),
        occurred_at: None,
        metadata: serde_json::from_str("{\"a\": 1}").unwrap(),
        entities: vec![entity("shipment:1"), entity("shipment:2")],
        relations: vec![Relation { from: "shipment:1".into(), kind: "follows".into(), to: "shipment:2".into() }],
        chunks: 2,
        plugin: Some(plugin_ref()),
        updated_at: Timestamp::from_unix_ms(THEN_MS),
    }
}

fn given_documents(host: &Host) -> Vec<Document> {
    host.fake.with(|state| {
        let event = &state.events.last().expect("an event").0;
        assert_eq!(event.kind, EventKind::Document);
        serde_json::from_slice(&event.body).unwrap()
    })
}

#[tokio::test]
async fn without_a_token_nothing_is_told_and_reading_is_not_operating() {
    let host = Host::start().await;
    for target in ["/v1/documents", "/v1/openapi.json", "/v1/nothing", "/nothing"] {
        let denied = client::request(host.api, "GET", target, &[], b"").await;
        assert_eq!((denied.status, denied.header("www-authenticate")), (401, "Bearer realm=\"apex\""), "{target}");
        assert_eq!(denied.header("content-type"), "application/problem+json");
        assert_eq!(denied.json()["code"], "APEX0005");
        let wrong = client::request(host.api, "GET", target, &[("authorization", "Bearer nope")], b"").await;
        assert_eq!(wrong.status, 401, "{target}");
    }
    let reader = format!("Bearer {READER}");
    let reads = client::request(host.api, "GET", "/v1/documents", &[("authorization", &reader)], b"").await;
    assert_eq!(reads.status, 200);
    let body = json!({"source": "alpha", "kind": "note", "content": "x"}).to_string();
    for (method, target) in
        [("POST", "/v1/documents"), ("POST", "/v1/sources/alpha/pause"), ("DELETE", "/v1/documents/a")]
    {
        let denied = client::request(host.api, method, target, &[("authorization", &reader)], body.as_bytes()).await;
        assert_eq!((denied.status, denied.json()["code"].clone()), (403, "APEX0005".into()), "{method} {target}");
    }
    host.fake.with(|state| assert!(state.events.is_empty() && state.paused.is_empty()));
    let scrape = host.scrape().await;
    assert!(scrape.contains("apex_api_requests_total{method=\"POST\",status=\"403\"} 2"), "{scrape}");
}

#[tokio::test]
async fn a_given_document_is_an_event_and_answers_its_ids() {
    let host = Host::start().await;
    let body = json!({
        "source": "alpha", "kind": "note", "id": "n/1", "title": "A note", "content": "Pallet 7 is late",
        "media_type": "text/markdown", "occurred_at": "2026-01-31T08:15:00Z", "metadata": {"z": 1, "a": "ä"},
        "entities": [{"key": "shipment:1", "kind": "shipment", "name": "One"}], "relations": [],
    });
    let answer = host.json("POST", "/v1/documents", body.to_string().as_bytes(), 202).await;
    assert_eq!(answer["document_id"], "alpha:n/1");
    assert!(EventId::parse(answer["event"].as_str().unwrap()).is_some());
    let documents = given_documents(&host);
    assert_eq!((documents.len(), documents[0].id.as_str(), documents[0].op), (1, "n/1", Op::Upsert));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&documents[0].metadata).unwrap(), body["metadata"]);
    assert_eq!(documents[0].occurred_at.as_deref(), Some("2026-01-31T08:15:00Z"));
}

#[tokio::test]
async fn a_document_without_an_id_gets_one_made_of_its_content() {
    let host = Host::start().await;
    let give = async |content: &str| {
        let body = json!({"source": "alpha", "kind": "note", "content": content}).to_string();
        host.json("POST", "/v1/documents", body.as_bytes(), 202).await["document_id"].clone()
    };
    let (first, same, other) = (give("a").await, give("a").await, give("b").await);
    assert_eq!(first, same);
    assert_ne!(first, other);
}

#[tokio::test]
async fn a_document_that_breaks_a_rule_is_refused_in_words() {
    let host = Host::start().await;
    let cases = [
        (json!({"source": "nobody", "kind": "note", "content": "x"}), 404, "APEX0004", "`nobody`"),
        (json!({"source": "alpha", "kind": "No Word", "content": "x"}), 422, "APEX0040", "kind"),
        (json!({"source": "alpha", "kind": "note", "content": "x", "metadata": [1]}), 422, "APEX0040", "metadata"),
        (
            json!({"source": "alpha", "kind": "note", "content": "x", "occurred_at": "yesterday"}),
            422,
            "APEX0040",
            "yesterday",
        ),
        (json!({"source": "alpha", "kind": "note", "content": "x", "colour": "red"}), 400, "APEX0074", "colour"),
        (json!({"source": "alpha", "kind": "note"}), 400, "APEX0074", "content"),
        (json!([]), 400, "APEX0074", ""),
    ];
    for (body, status, code, word) in cases {
        let problem = host.json("POST", "/v1/documents", body.to_string().as_bytes(), status).await;
        assert_eq!((problem["status"].clone(), problem["code"].clone()), (status.into(), code.into()), "{body}");
        assert!(problem["detail"].as_str().unwrap().contains(word), "{problem}");
        assert!(!problem["next_step"].as_str().unwrap().is_empty(), "{problem}");
    }
    host.fake.with(|state| assert!(state.events.is_empty()));
}

#[tokio::test]
async fn waiting_answers_when_the_event_has_ended() {
    let host = Host::with(IntakeLimits { wait_ms_max: 1_000, ..IntakeLimits::default() }).await;
    let body = json!({"source": "alpha", "kind": "note", "content": "x"}).to_string();
    let pending = host.json("POST", "/v1/documents?wait=true", body.as_bytes(), 202).await;
    assert_eq!(pending["state"], "accepted", "the time is up: the state so far");
    host.fake.ends_at_once.store(true, Ordering::Relaxed);
    let done = host.json("POST", "/v1/documents?wait=true", body.as_bytes(), 200).await;
    assert_eq!(done["state"], "done");
    host.fake.ends_at_once.store(false, Ordering::Relaxed);

    let waiting = host.json("POST", "/v1/documents?wait=true", body.as_bytes(), 200);
    let ending = async {
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            let ended = host.fake.with(|state| {
                let last = (state.events.len() == 3).then(|| state.events.last_mut().unwrap());
                last.map(|event| event.1 = EventState::Unchanged).is_some()
            });
            if ended {
                return;
            }
        }
    };
    let (answer, ()) = tokio::join!(waiting, ending);
    assert_eq!(answer["state"], "unchanged");
}

#[tokio::test]
async fn a_journal_that_cannot_write_is_503() {
    let host = Host::start().await;
    host.fake.append_fails.store(apex_model::Code::JOURNAL_WRITE.number().into(), Ordering::Relaxed);
    let body = json!({"source": "alpha", "kind": "note", "content": "x"}).to_string();
    let answer = host.api("POST", "/v1/documents", body.as_bytes()).await;
    assert_eq!(
        (answer.status, answer.json()["code"].clone(), answer.header("retry-after")),
        (503, "APEX0010".into(), "1")
    );
}

#[tokio::test]
async fn documents_are_shown_listed_and_their_history_told() {
    let host = Host::start().await;
    host.fake.with(|state| {
        state.documents = ["1", "2", "a/b", "3", "4"].map(view).into();
        let version = VersionLine {
            version: 3,
            live: true,
            deleted: false,
            title: "t".to_owned(),
            content_hash: "00".to_owned(),
            event: EventId([7; 16]),
            plugin: None,
            committed_at: Timestamp::from_unix_ms(THEN_MS),
        };
        state.versions.insert(DocumentId::from_text("alpha:1"), vec![version]);
    });
    let document = host.json("GET", "/v1/documents/alpha:1", b"", 200).await;
    assert_eq!(document["metadata"], json!({"a": 1}));
    assert_eq!(document["updated_at"], "2026-01-31T08:15:00.000Z");
    assert_eq!(document["plugin"]["name"], "alpha");
    assert_eq!(host.json("GET", "/v1/documents/alpha%3Aa%2Fb", b"", 200).await["id"], "alpha:a/b");
    assert_eq!(host.json("GET", "/v1/documents/alpha:9", b"", 404).await["code"], "APEX0004");
    assert_eq!(host.json("GET", "/v1/documents/alpha:1/history", b"", 200).await.as_array().unwrap().len(), 1);
    host.json("GET", "/v1/documents/alpha:9/history", b"", 404).await;

    let mut seen = Vec::new();
    let mut target = "/v1/documents?limit=2&source=alpha".to_owned();
    loop {
        let page = host.api("GET", &target, b"").await;
        assert_eq!(page.status, 200);
        seen.extend(page.json().as_array().unwrap().iter().map(|line| line["id"].as_str().unwrap().to_owned()));
        let Some(next) = page.header("link").strip_suffix(">; rel=\"next\"") else { break };
        target = next.strip_prefix('<').unwrap().to_owned();
    }
    assert_eq!(seen, ["alpha:1", "alpha:2", "alpha:3", "alpha:4", "alpha:a/b"], "each once, in order, over all pages");
    assert_eq!(host.json("GET", "/v1/documents?source=beta", b"", 200).await, json!([]));
    for bad in ["limit=0", "limit=1001", "limit=x", "colour=red"] {
        assert_eq!(host.json("GET", &format!("/v1/documents?{bad}"), b"", 400).await["code"], "APEX0074", "{bad}");
    }
}

#[tokio::test]
async fn deleting_a_document_is_an_event_like_any_other() {
    let host = Host::start().await;
    host.fake.with(|state| state.documents = vec![view("1")]);
    let answer = host.json("DELETE", "/v1/documents/alpha:1", b"", 202).await;
    assert_eq!(answer["document_id"], "alpha:1");
    let documents = given_documents(&host);
    assert_eq!((documents[0].id.as_str(), documents[0].op, documents[0].kind.as_str()), ("1", Op::Delete, "note"));
    assert_eq!(documents[0].check(), Ok(()));
    host.json("DELETE", "/v1/documents/alpha:2", b"", 404).await;
}

#[tokio::test]
async fn search_embeds_the_question_and_passes_the_filters_on() {
    let host = Host::start().await;
    host.fake.with(|state| state.documents = ["1", "2", "3"].map(view).into());
    let found = host.json("GET", "/v1/search?q=late%20pallets&source=alpha&kind=note&limit=2", b"", 200).await;
    assert_eq!(found["query"], "late pallets");
    assert_eq!(found["hits"].as_array().unwrap().len(), 2);
    host.fake.with(|state| {
        let query = state.last_search.clone().unwrap();
        assert_eq!((query.vector, query.embedding_model.as_str()), (vec![1.0, 0.0], "fake-model"));
        assert_eq!((query.source, query.kind.as_deref(), query.limit), (Some(name("alpha")), Some("note"), 2));
    });
    for bad in ["/v1/search", "/v1/search?q=", "/v1/search?q=%20", "/v1/search?q=a&limit=101"] {
        host.json("GET", bad, b"", 400).await;
    }
}

#[tokio::test]
async fn the_neighbourhood_of_an_entity() {
    let host = Host::start().await;
    let node =
        GraphNode { entity: entity("shipment:1"), distance: 0, documents: vec![DocumentId::from_text("alpha:1")] };
    host.fake
        .with(|state| state.graph = Some(Graph { nodes: vec![node], edges: view("1").relations, truncated: false }));
    let graph = host.json("GET", "/v1/graph/shipment:1?depth=2", b"", 200).await;
    assert_eq!(graph["nodes"][0]["key"], "shipment:1");
    assert_eq!(graph["edges"][0]["kind"], "follows");
    host.json("GET", "/v1/graph/shipment:9", b"", 404).await;
    host.json("GET", "/v1/graph/shipment:1?depth=9", b"", 400).await;
}

#[tokio::test]
async fn a_body_over_the_limit_and_unknown_routes_are_problems() {
    let host = Host::with(IntakeLimits { api_body_bytes_max: 100, ..IntakeLimits::default() }).await;
    let large = host.json("POST", "/v1/documents", &[b' '; 101], 413).await;
    assert_eq!(large["code"], "APEX0070");
    assert!(large["next_step"].as_str().unwrap().contains("api_body_bytes_max"));
    assert_eq!(host.json("GET", "/v1/nothing", b"", 404).await["code"], "APEX0004");
    assert_eq!(host.json("PUT", "/v1/documents", b"{}", 405).await["code"], "APEX0074");
    let authorization = format!("Bearer {OPERATOR}");
    let webhook =
        client::request(host.api, "POST", "/webhooks/alpha", &[("authorization", &authorization)], b"{}").await;
    assert_eq!(webhook.status, 404, "webhooks are for the public listener");
}
