//! Polling: pages with their cursors, back-pressure, faults, pauses.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use apex_direct::{PollParts, Polling};
use apex_model::event::EventKind;
use apex_model::ids::SourceName;
use apex_model::ports::{FetchedPage, Next, Poller};
use apex_model::source::{Priority, SourceState, SourceStatus};
use apex_model::{Code, Failure, Timestamp};
use common::calls::plugin;
use common::{Host, document, source, wait_for};

const LONG: u64 = 3_600_000;

fn status(state: SourceState, every_ms: u64) -> SourceStatus {
    SourceStatus {
        name: source(),
        plugin: "front".to_owned(),
        state,
        reason: None,
        priority: Priority::P1,
        exports: vec!["poll".to_owned()],
        poll_every_ms: Some(every_ms),
        rollout_percent: 0,
        since: Timestamp::from_unix_ms(0),
    }
}

fn page(ids: &[&str], cursor: &str, next: Next) -> FetchedPage {
    let documents = ids.iter().map(|id| document(id, "words")).collect();
    FetchedPage { documents, cursor: cursor.to_owned(), next, plugin: plugin() }
}

struct Polled {
    host: Host,
    polling: Arc<Polling>,
    task: tokio::task::JoinHandle<()>,
}

/// A source with one slice, polled every hour unless told otherwise.
async fn polled(script: impl FnOnce(&mut Host)) -> Polled {
    let mut host = Host::new().await;
    {
        let mut answers = host.calls.script();
        answers.sources = vec![status(SourceState::Active, LONG)];
        answers.slices.push_back(Ok(vec!["default".to_owned()]));
    }
    script(&mut host);
    let parts = PollParts {
        catalog: host.calls.clone(),
        calls: host.calls.clone(),
        inbox: host.journal.clone(),
        cursors: host.journal.clone(),
        events: host.journal.clone(),
    };
    let polling = Arc::new(Polling::new(parts, host.limits.clone()));
    let task = tokio::spawn({
        let (polling, stop) = (Arc::clone(&polling), host.stop.clone());
        async move { polling.run(stop).await }
    });
    Polled { host, polling, task }
}

impl Polled {
    fn from(&self) -> Vec<Option<String>> {
        self.host.calls.script().fetched_from.iter().map(|(_, from)| from.clone()).collect()
    }

    fn fetches(&self) -> usize {
        self.host.calls.script().fetched_from.len()
    }

    fn cursor(&self, slice: &str) -> Option<String> {
        self.host.journal.state().cursors.get(&(source(), slice.to_owned())).cloned()
    }

    async fn stop(self) {
        self.host.stop.cancel();
        self.task.await.unwrap();
    }
}

#[tokio::test]
async fn pages_follow_each_other_and_carry_their_cursor() {
    let at = polled(|host| {
        let mut script = host.calls.script();
        script.fetches.push_back(Ok(page(&["a", "b"], "1", Next::More)));
        script.fetches.push_back(Ok(page(&["c"], "2", Next::More)));
        script.fetches.push_back(Ok(page(&[], "3", Next::Idle(None))));
    })
    .await;
    wait_for("the last cursor", || at.cursor("default").as_deref() == Some("3")).await;
    assert_eq!(at.from().iter().map(Option::as_deref).collect::<Vec<_>>(), [None, Some("1"), Some("2")]);
    let events = at.host.journal.events_of(&source());
    let kinds: Vec<_> = events.iter().map(|event| (event.kind, event.label.as_str(), event.priority)).collect();
    assert_eq!(kinds, [(EventKind::Page, "default", Priority::P1), (EventKind::Page, "default", Priority::P1)]);
    at.stop().await;
}

#[tokio::test]
async fn a_cursor_set_back_brings_the_pages_again() {
    let at = polled(|host| host.calls.script().fetches.push_back(Ok(page(&["a"], "1", Next::Finished)))).await;
    wait_for("the first page", || at.cursor("default").as_deref() == Some("1")).await;
    // An operator forgets the cursor. A crash cannot do that: page and cursor are one transaction.
    at.host.journal.state().cursors.clear();
    assert!(at.polling.poll_now(&source()));
    wait_for("the second fetch", || at.fetches() == 2 && at.cursor("default").as_deref() == Some("1")).await;
    assert_eq!(at.host.journal.events_of(&source()).len(), 2);
    at.stop().await;
}

#[tokio::test]
async fn a_poll_can_be_asked_for_before_its_time() {
    let at = polled(|host| host.calls.script().fetches.push_back(Ok(page(&[], "", Next::Idle(None))))).await;
    wait_for("the first poll", || at.fetches() == 1).await;
    assert!(at.polling.poll_now(&source()));
    wait_for("the second poll", || at.fetches() == 2).await;
    assert!(!at.polling.poll_now(&SourceName::parse("unknown").unwrap()));
    at.stop().await;
}

#[tokio::test]
async fn an_idle_source_is_polled_at_the_connectors_time_before_its_own() {
    let at = polled(|host| {
        host.calls.script().fetches.push_back(Ok(page(&[], "", Next::Idle(Some(Duration::from_millis(1))))));
    })
    .await;
    wait_for("three polls", || at.fetches() >= 3).await;
    at.stop().await;
}

#[tokio::test]
async fn more_without_progress_waits_for_the_interval() {
    let at = polled(|host| host.calls.script().fetches.push_back(Ok(page(&[], "", Next::More)))).await;
    wait_for("the first poll", || at.fetches() == 1).await;
    // If it polled on at once, asking would find many more.
    assert!(at.polling.poll_now(&source()));
    wait_for("the second poll", || at.fetches() >= 2).await;
    assert_eq!(at.fetches(), 2);
    at.stop().await;
}

#[tokio::test]
async fn polling_waits_for_pages_that_are_not_worked_off() {
    let at = polled(|host| {
        host.limits.poll_pages_ahead_max = 2;
        let mut script = host.calls.script();
        for n in 1..=6 {
            script.fetches.push_back(Ok(page(&["a"], &n.to_string(), Next::More)));
        }
        script.fetches.push_back(Ok(page(&[], "7", Next::Finished)));
    })
    .await;
    wait_for("two pages", || at.cursor("default").as_deref() == Some("2")).await;
    assert!(at.polling.poll_now(&source()));
    at.host.journal.settle_all();
    wait_for("two more pages", || at.cursor("default").as_deref() == Some("4")).await;
    assert_eq!(at.fetches(), 4);
    at.host.journal.settle_all();
    wait_for("the next two", || at.cursor("default").as_deref() == Some("6")).await;
    at.stop().await;
}

#[tokio::test]
async fn a_lost_cursor_starts_from_the_beginning() {
    let at = polled(|host| {
        host.journal.state().cursors.insert((source(), "default".to_owned()), "gone".to_owned());
        let mut script = host.calls.script();
        script.fetches.push_back(Err(Failure::never(Code::FAULT_CURSOR_LOST, "410")));
        script.fetches.push_back(Ok(page(&["a"], "1", Next::Finished)));
    })
    .await;
    wait_for("a new cursor", || at.cursor("default").as_deref() == Some("1")).await;
    assert_eq!(at.from().iter().map(Option::as_deref).collect::<Vec<_>>(), [Some("gone"), None]);
    at.stop().await;
}

#[tokio::test]
async fn faults_wait_as_they_say_and_polling_goes_on() {
    let at = polled(|host| {
        let mut script = host.calls.script();
        script.fetches.push_back(Err(Failure::after(Code::FAULT_RATE_LIMITED, Duration::from_millis(3), "slow down")));
        script.fetches.push_back(Err(Failure::never(Code::FAULT_UNAUTHORIZED, "401")));
        script.fetches.push_back(Err(Failure::backoff(Code::FAULT_RETRYABLE, "502")));
        script.fetches.push_back(Err(Failure::never(Code::PLUGIN_TRAP, "unreachable")));
        script.fetches.push_back(Ok(page(&["a"], "1", Next::Finished)));
    })
    .await;
    wait_for("the trap", || at.fetches() == 4).await;
    // What trying cannot mend waits for the interval, an hour here.
    assert!(at.polling.poll_now(&source()));
    wait_for("the page", || at.cursor("default").as_deref() == Some("1")).await;
    at.stop().await;
}

#[tokio::test]
async fn every_slice_has_its_own_cursor() {
    let at = polled(|host| {
        let mut script = host.calls.script();
        script.slices.clear();
        script.slices.push_back(Ok(vec!["eu".to_owned(), "us".to_owned()]));
        script.fetches.push_back(Ok(page(&["a"], "1", Next::Finished)));
    })
    .await;
    wait_for("both slices", || at.cursor("eu").as_deref() == Some("1") && at.cursor("us").as_deref() == Some("1"))
        .await;
    assert_eq!(at.host.journal.events_of(&source()).len(), 2);
    at.stop().await;
}

#[tokio::test]
async fn a_paused_source_is_not_polled_until_it_is_resumed() {
    let at = polled(|host| {
        host.journal.state().paused.insert(source());
        host.calls.script().fetches.push_back(Ok(page(&["a"], "1", Next::Idle(None))));
    })
    .await;
    assert!(!at.polling.poll_now(&source()));
    at.host.journal.state().paused.clear();
    wait_for("the poll after resuming", || at.cursor("default").as_deref() == Some("1")).await;
    at.host.journal.state().paused.insert(source());
    wait_for("the pause to be obeyed", || !at.polling.poll_now(&source())).await;
    assert_eq!(at.fetches(), at.from().len());
    at.stop().await;
}

#[tokio::test]
async fn a_source_that_begins_to_wait_is_left_alone() {
    let at = polled(|host| host.calls.script().fetches.push_back(Ok(page(&["a"], "1", Next::Idle(None))))).await;
    wait_for("the first poll", || at.fetches() == 1).await;
    at.host.calls.script().sources = vec![status(SourceState::Waiting, LONG)];
    wait_for("the source to be dropped", || !at.polling.poll_now(&source())).await;
    at.stop().await;
}

#[tokio::test]
async fn documents_without_a_cursor_are_kept_too() {
    let at = polled(|host| host.calls.script().fetches.push_back(Ok(page(&["a"], "", Next::Idle(None))))).await;
    wait_for("the page", || at.host.journal.events_of(&source()).len() == 1).await;
    assert_eq!(at.cursor("default"), None);
    at.stop().await;
}

#[tokio::test]
async fn what_a_source_shows_again_is_a_page_of_its_own() {
    let soon = || Next::Idle(Some(Duration::from_millis(1)));
    let at = polled(|host| {
        let mut script = host.calls.script();
        for document in ["a", "b", "a"] {
            script.fetches.push_back(Ok(page(&[document], "", soon())));
        }
    })
    .await;
    // A, then B, then A again: the last one counts, so it must not pass for a repeat of the first.
    wait_for("three pages", || at.host.journal.events_of(&source()).len() == 3).await;
    at.stop().await;
}

#[tokio::test]
async fn a_quiet_source_is_not_silent() {
    let at = polled(|host| {
        host.calls.script().fetches.push_back(Ok(page(&[], "", Next::Idle(Some(Duration::from_millis(1))))));
    })
    .await;
    wait_for("three polls", || at.fetches() >= 3).await;
    let silence = at.polling.silence(&source()).unwrap();
    assert!(silence < Duration::from_secs(5), "{silence:?}");
    assert_eq!(at.polling.silence(&SourceName::parse("unknown").unwrap()), None);
    at.stop().await;
}

#[tokio::test]
async fn a_source_that_only_fails_is_silent_until_it_answers() {
    let at = polled(|host| {
        let mut script = host.calls.script();
        for _ in 0..4 {
            script.fetches.push_back(Err(Failure::after(Code::FAULT_RETRYABLE, Duration::from_millis(20), "502")));
        }
        script.fetches.push_back(Ok(page(&[], "", Next::Finished)));
    })
    .await;
    // Three waits of 20 ms lie before the fourth fetch.
    wait_for("the fourth fetch", || at.fetches() >= 4).await;
    assert!(at.polling.silence(&source()).is_none_or(|silence| silence >= Duration::from_millis(60)));
    wait_for("a finished source to be done with", || at.polling.silence(&source()).is_none()).await;
    at.stop().await;
}
