//! The embedded store as the saga and readers meet it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use apex_model::ids::{DocumentId, SourceName};
use apex_model::ports::{DocumentReader, EmbeddingCache, RelationalStore};
use apex_model::reading::{DocumentFilter, SearchQuery};
use apex_model::saga::{Begun, StoreFault};
use common::{MODEL, draft, fixture};

fn query(vector: [f32; 2], limit: u32) -> SearchQuery {
    SearchQuery { vector: vector.to_vec(), embedding_model: MODEL.to_owned(), source: None, kind: None, limit }
}

#[tokio::test]
async fn a_version_becomes_visible_with_all_its_parts() {
    let at = fixture().await;
    let draft = draft("a", "first words", 1)
        .vectors(&[[1.0, 0.0], [0.0, 1.0]])
        .graph(&[("carrier:dawg", "DAWG Trucking"), ("load:1", "Load 1")], &[("carrier:dawg", "load:1")]);
    assert!(at.store.document(&draft.document_id()).await.unwrap().is_none());
    let ticket = draft.ticket(&at.store).await;
    assert_eq!((ticket.version, ticket.previous), (1, 0));
    assert!(at.store.document(&draft.document_id()).await.unwrap().is_none(), "nothing is visible before the commit");
    draft.commit(&at.store, &ticket).await.unwrap();
    let view = at.store.document(&draft.document_id()).await.unwrap().unwrap();
    assert_eq!((view.version, view.content.as_str(), view.chunks), (1, "first words", 2));
    assert_eq!((view.entities.len(), view.relations.len()), (2, 1));
    assert_eq!(at.store.check(None).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn an_update_replaces_every_part_and_leaves_a_line_in_the_history() {
    let at = fixture().await;
    draft("a", "old", 1).vectors(&[[1.0, 0.0], [1.0, 0.0]]).graph(&[("x:1", "One")], &[]).put(&at.store).await;
    let hits = at.store.search(query([1.0, 0.0], 5)).await.unwrap();
    assert_eq!(hits[0].snippet, "old 0");
    draft("a", "new", 2).vectors(&[[0.0, 1.0]]).graph(&[("x:2", "Two")], &[]).put(&at.store).await;
    let view = at.store.document(&draft("a", "", 0).document_id()).await.unwrap().unwrap();
    assert_eq!((view.version, view.content.as_str(), view.chunks), (2, "new", 1));
    assert_eq!(view.entities[0].key, "x:2");
    assert!(at.store.graph("x:1", 1).await.unwrap().is_none(), "the old version's entity is gone");
    let hits = at.store.search(query([1.0, 0.0], 5)).await.unwrap();
    assert_eq!(hits.len(), 1);
    assert_eq!((hits[0].snippet.as_str(), hits[0].score), ("new 0", 0.0));
    let history = at.store.history(&view.id).await.unwrap();
    let lines: Vec<_> = history.iter().map(|line| (line.version, line.live, line.title.as_str())).collect();
    assert_eq!(lines, [(2, true, "title of new"), (1, false, "title of old")]);
    assert_eq!(at.store.check(None).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn the_same_content_is_unchanged_and_moves_its_place() {
    let at = fixture().await;
    draft("a", "same", 1).sequence(5).put(&at.store).await;
    assert_eq!(draft("a", "same", 2).sequence(9).begin(&at.store).await, Begun::Unchanged { version: 1 });
    // The source was at `same` at 9, so what it said at 7 must not win, however late it comes.
    assert_eq!(draft("a", "late", 3).sequence(7).begin(&at.store).await, Begun::Superseded { version: 1 });
    assert!(matches!(draft("a", "newer", 4).sequence(10).begin(&at.store).await, Begun::Go(_)));
}

#[tokio::test]
async fn the_event_that_made_a_version_finds_its_own_work() {
    let at = fixture().await;
    let draft = draft("a", "words", 7);
    let ticket = draft.put(&at.store).await;
    match draft.begin(&at.store).await {
        Begun::Committed(found) => assert_eq!((found.version, found.fence), (ticket.version, ticket.fence)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn older_never_replaces_newer() {
    let at = fixture().await;
    draft("a", "five", 10).sequence(5).put(&at.store).await;
    assert_eq!(draft("a", "four", 11).sequence(4).begin(&at.store).await, Begun::Superseded { version: 1 });
    draft("b", "arrived second", 10).put(&at.store).await;
    assert_eq!(draft("b", "arrived first", 9).begin(&at.store).await, Begun::Superseded { version: 1 });
}

#[tokio::test]
async fn a_delete_is_a_version_that_an_older_state_cannot_undo() {
    let at = fixture().await;
    draft("a", "words", 1).sequence(1).graph(&[("x:1", "One")], &[]).put(&at.store).await;
    draft("a", "", 2).delete().sequence(3).put(&at.store).await;
    let id = draft("a", "", 0).document_id();
    assert!(at.store.document(&id).await.unwrap().is_none());
    assert_eq!(at.store.search(query([1.0, 0.0], 5)).await.unwrap().len(), 0);
    assert!(at.store.graph("x:1", 1).await.unwrap().is_none());
    assert_eq!(at.store.counts().await.unwrap(), []);
    let seen: Vec<_> = at.store.history(&id).await.unwrap().iter().map(|line| (line.live, line.deleted)).collect();
    assert_eq!(seen, [(false, true), (false, false)], "readers see neither the deletion nor what was deleted");
    assert_eq!(draft("a", "late", 3).sequence(2).begin(&at.store).await, Begun::Superseded { version: 2 });
    draft("a", "again", 4).sequence(4).put(&at.store).await;
    assert_eq!(at.store.document(&id).await.unwrap().unwrap().version, 3);
    let deleted: Vec<_> = at.store.history(&id).await.unwrap().iter().map(|line| line.deleted).collect();
    assert_eq!(deleted, [false, true, false]);
    assert_eq!(at.store.check(None).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_delete_of_something_never_seen_keeps_older_states_out() {
    let at = fixture().await;
    draft("a", "", 5).delete().sequence(5).put(&at.store).await;
    assert_eq!(draft("a", "late", 6).sequence(4).begin(&at.store).await, Begun::Superseded { version: 1 });
}

#[tokio::test]
async fn of_two_racing_writers_one_is_fenced() {
    let at = fixture().await;
    let (one, two) = (draft("a", "one", 1), draft("a", "two", 2));
    let (first, second) = (one.ticket(&at.store).await, two.ticket(&at.store).await);
    assert!(first.fence < second.fence);
    two.commit(&at.store, &second).await.unwrap();
    assert!(matches!(one.commit(&at.store, &first).await, Err(StoreFault::Fenced)));
    assert_eq!(one.begin(&at.store).await, Begun::Superseded { version: 1 });

    let (three, four) = (draft("a", "three", 3), draft("a", "four", 4));
    let (third, fourth) = (three.ticket(&at.store).await, four.ticket(&at.store).await);
    three.commit(&at.store, &third).await.unwrap();
    assert!(matches!(four.commit(&at.store, &fourth).await, Err(StoreFault::Fenced)));
    assert_eq!(four.ticket(&at.store).await.version, 3);
}

#[tokio::test]
async fn a_commit_asked_again_answers_the_same() {
    let at = fixture().await;
    let one = draft("a", "one", 1);
    let ticket = one.put(&at.store).await;
    one.commit(&at.store, &ticket).await.unwrap();
    draft("a", "two", 2).put(&at.store).await;
    one.commit(&at.store, &ticket).await.unwrap();
    let view = at.store.document(&one.document_id()).await.unwrap().unwrap();
    assert_eq!((view.version, view.content.as_str()), (2, "two"));
}

#[tokio::test]
async fn one_bad_write_in_a_group_does_not_fail_its_neighbours() {
    let at = fixture().await;
    let drafts: Vec<_> = ["a", "b", "c"].iter().map(|id| draft(id, id, 1)).collect();
    let mut tickets = Vec::new();
    for draft in &drafts {
        tickets.push(draft.ticket(&at.store).await);
    }
    // Two chunks at one place break the table's key.
    let mut bad = drafts[1].writes();
    bad.chunks.push(bad.chunks[0].clone());
    let (first, broken, third) = tokio::join!(
        drafts[0].commit(&at.store, &tickets[0]),
        at.store.commit(&tickets[1], &bad),
        drafts[2].commit(&at.store, &tickets[2])
    );
    assert!(first.is_ok() && third.is_ok());
    assert!(matches!(broken, Err(StoreFault::Refused(_))), "{broken:?}");
    assert!(at.store.document(&drafts[1].document_id()).await.unwrap().is_none());
}

#[tokio::test]
async fn everything_survives_closing_and_fences_go_on_rising() {
    let at = fixture().await;
    let before = draft("a", "words", 1).put(&at.store).await;
    draft("b", "others", 2).vectors(&[[0.0, 1.0]]).put(&at.store).await;
    let at = at.reopen().await;
    let hits = at.store.search(query([1.0, 0.0], 1)).await.unwrap();
    assert_eq!(hits[0].document_id.as_str(), "front:a");
    assert!(draft("c", "more", 3).ticket(&at.store).await.fence > before.fence);
    assert_eq!(at.store.check(None).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn search_obeys_filters_and_limit() {
    let at = fixture().await;
    for (id, vector) in [("a", [1.0, 0.0]), ("b", [0.8, 0.6]), ("c", [0.0, 1.0])] {
        draft(id, id, 1).vectors(&[vector]).put(&at.store).await;
    }
    let ids = |hits: Vec<apex_model::reading::Hit>| -> Vec<String> {
        hits.iter().map(|hit| hit.document_id.to_string()).collect()
    };
    assert_eq!(ids(at.store.search(query([1.0, 0.0], 2)).await.unwrap()), ["front:a", "front:b"]);
    let other = SearchQuery { source: SourceName::parse("other"), ..query([1.0, 0.0], 2) };
    assert_eq!(ids(at.store.search(other).await.unwrap()), Vec::<String>::new());
    let kind = SearchQuery { kind: Some("note".to_owned()), ..query([0.0, 1.0], 1) };
    assert_eq!(ids(at.store.search(kind).await.unwrap()), ["front:c"]);
    let model = SearchQuery { embedding_model: "another".to_owned(), ..query([0.0, 1.0], 1) };
    assert_eq!(ids(at.store.search(model).await.unwrap()), Vec::<String>::new());
}

#[tokio::test]
async fn lists_go_on_after_the_last_id() {
    let at = fixture().await;
    for id in ["c", "a", "b"] {
        draft(id, id, 1).put(&at.store).await;
    }
    let page = |after: Option<&str>| DocumentFilter {
        limit: 2,
        after: after.map(DocumentId::from_text),
        ..Default::default()
    };
    let ids = |lines: Vec<apex_model::reading::DocumentLine>| -> Vec<String> {
        lines.iter().map(|line| line.id.to_string()).collect()
    };
    assert_eq!(ids(at.store.documents(page(None)).await.unwrap()), ["front:a", "front:b"]);
    assert_eq!(ids(at.store.documents(page(Some("front:b"))).await.unwrap()), ["front:c"]);
    assert_eq!(at.store.counts().await.unwrap(), [(SourceName::parse("front").unwrap(), 3)]);
}

#[tokio::test]
async fn a_neighbourhood_is_found_by_key_and_by_name_in_any_case() {
    let at = fixture().await;
    // carrier - load - driver - truck: a chain over two documents.
    draft("a", "a", 1)
        .graph(
            &[("carrier:m", "Müller Transport"), ("load:1", "Load 1"), ("driver:d", "Dana")],
            &[("carrier:m", "load:1"), ("load:1", "driver:d")],
        )
        .put(&at.store)
        .await;
    draft("b", "b", 2)
        .graph(&[("driver:d", "Dana"), ("truck:9", "Truck 9")], &[("truck:9", "driver:d")])
        .put(&at.store)
        .await;
    let graph = at.store.graph("MÜLLER TRANSPORT", 2).await.unwrap().unwrap();
    let nodes: Vec<_> = graph.nodes.iter().map(|node| (node.entity.key.as_str(), node.distance)).collect();
    assert_eq!(nodes, [("carrier:m", 0), ("load:1", 1), ("driver:d", 2)]);
    assert_eq!(graph.edges.len(), 2);
    assert_eq!(graph.nodes[2].documents.iter().map(DocumentId::as_str).collect::<Vec<_>>(), ["front:a", "front:b"]);
    let all = at.store.graph("carrier:m", 9).await.unwrap().unwrap();
    assert_eq!((all.nodes.len(), all.edges.len(), all.truncated), (4, 3, false));
    assert_eq!(at.store.graph("truck:9", 0).await.unwrap().unwrap().nodes.len(), 1);
    assert!(at.store.graph("nobody", 2).await.unwrap().is_none());
}

#[tokio::test]
async fn a_large_neighbourhood_is_cut_and_says_so() {
    let at = fixture().await;
    let keys: Vec<&'static str> = (0..300).map(|n| &*format!("stop:{n}").leak()).collect();
    let entities: Vec<_> = keys.iter().map(|key| (*key, *key)).collect();
    let relations: Vec<_> = keys[1..].iter().map(|key| ("stop:0", *key)).collect();
    draft("a", "a", 1).graph(&entities, &relations).put(&at.store).await;
    let graph = at.store.graph("stop:0", 1).await.unwrap().unwrap();
    assert_eq!((graph.nodes.len(), graph.edges.len(), graph.truncated), (200, 199, true));
}

#[tokio::test]
async fn vectors_are_known_before_and_after_they_are_committed() {
    let at = fixture().await;
    let draft = draft("a", "words", 1);
    let hash = draft.writes().chunks[0].hash;
    assert_eq!(at.store.get_many(MODEL, &[hash]).await.unwrap(), [None]);
    at.store.put_many(MODEL, &[(hash, vec![1.0, 0.0])]).await.unwrap();
    assert_eq!(at.store.get_many(MODEL, &[hash]).await.unwrap(), [Some(vec![1.0, 0.0])]);
    draft.put(&at.store).await;
    let at = at.reopen().await;
    let other = apex_model::ids::Digest::of(b"other");
    assert_eq!(at.store.get_many(MODEL, &[other, hash]).await.unwrap(), [None, Some(vec![1.0, 0.0])]);
    assert_eq!(at.store.get_many("another", &[hash]).await.unwrap(), [None]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_never_meet_a_mix_of_versions() {
    let at = fixture().await;
    let id = draft("a", "", 0).document_id();
    // Every part of version n carries the word n; chunk and entity counts change with it.
    let version = |n: i64| {
        let vectors: Vec<[f32; 2]> = (0..=n % 3).map(|_| [1.0, 0.0]).collect();
        let name: &'static str = Box::leak(format!("name {n}").into_boxed_str());
        draft("a", &format!("words {n}"), n).vectors(&vectors).graph(&[("x:1", name)], &[])
    };
    version(1).put(&at.store).await;
    at.store.search(query([1.0, 0.0], 1)).await.unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let reader = tokio::spawn({
        let (store, stop, id) = (at.store.clone(), stop.clone(), id.clone());
        async move {
            let (mut reads, mut last) = (0, 0);
            while !stop.is_cancelled() {
                let view = store.document(&id).await.unwrap().unwrap();
                let n = view.version;
                assert_eq!(view.content, format!("words {n}"));
                assert_eq!(view.title, format!("title of words {n}"));
                assert_eq!(view.entities[0].name, format!("name {n}"));
                assert_eq!(i64::from(view.chunks), n % 3 + 1);
                assert!(n >= last, "version {n} after {last}");
                last = n;
                for hit in store.search(query([1.0, 0.0], 1)).await.unwrap() {
                    let words = hit.title.strip_prefix("title of ").unwrap();
                    assert!(hit.snippet.starts_with(&format!("{words} ")), "{} under {}", hit.snippet, hit.title);
                }
                reads += 1;
            }
            reads
        }
    });
    for n in 2..=300 {
        version(n).put(&at.store).await;
    }
    stop.cancel();
    assert!(reader.await.unwrap() > 10, "too few reads to say anything");
    assert_eq!(at.store.check(None).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let at = fixture().await;
    draft("a", "words", 1).put(&at.store).await;
    let mode = |name: &str| std::fs::metadata(at.dir.path().join(name)).unwrap().permissions().mode() & 0o777;
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
}
