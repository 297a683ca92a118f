//! The main job on sample input: three ways in, one way through, found by meaning. Everything here uses the host as an
//! outside sender would; it only starts it and looks at the result.

mod front;
mod report;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use apex_config::{Grant, SecretList, SecretRef, Settings, SourceSettings};
use apex_model::ids::SourceName;
use apex_model::{Code, Failure};
use samsara_feed::{Options, SamsaraFeed};

use crate::host::Host;
use crate::output::Printer;

pub use report::Report;

/// The demo's question and the document that answers it.
pub const QUESTION: &str = "the fruit was too hot when the trailer was opened";
/// The document that answers [`QUESTION`].
pub const ANSWER: &str = "frontapp:msg_demo01";

const SAMSARA_TOKEN: &str = "demo-token";
const SETTLE_MAX: Duration = Duration::from_mins(2);

/// The files a carrier left: name and bytes.
pub const EDI_FILES: &[(&str, &[u8])] = &[
    ("tender-poultry.edi", include_bytes!("data/edi/tender-poultry.edi")),
    ("tender-solar.edi", include_bytes!("data/edi/tender-solar.edi")),
    ("tender-petfood-cancelled.edi", include_bytes!("data/edi/tender-petfood-cancelled.edi")),
    ("tender-hospital-beds.edi", include_bytes!("data/edi/tender-hospital-beds.edi")),
    ("responses.edi", include_bytes!("data/edi/responses.edi")),
    ("status-poultry-delayed.edi", include_bytes!("data/edi/status-poultry-delayed.edi")),
    ("status-solar-delivered.edi", include_bytes!("data/edi/status-solar-delivered.edi")),
    ("invoice-solar.edi", include_bytes!("data/edi/invoice-solar.edi")),
    ("invoice-poultry.edi", include_bytes!("data/edi/invoice-poultry.edi")),
    ("remittance.edi", include_bytes!("data/edi/remittance.edi")),
    ("unreadable.edi", include_bytes!("data/edi/unreadable.edi")),
];

/// The senders of the demo and what they share with the host.
pub struct Senders {
    feed: SamsaraFeed,
    webhook_secret: String,
    rule_secret: String,
}

impl Senders {
    /// Starts the replayed feed and makes fresh secrets.
    pub async fn start() -> anyhow::Result<Self> {
        let feed = SamsaraFeed::start(Options { token: SAMSARA_TOKEN.to_owned(), ..Options::default() }).await?;
        let secret = || uuid::Uuid::new_v4().simple().to_string();
        Ok(Self { feed, webhook_secret: secret(), rule_secret: secret() })
    }

    /// Adds the three sources to the settings.
    pub fn configure(&self, settings: &mut Settings) -> anyhow::Result<()> {
        let literal =
            |text: &str| SecretList(vec![SecretRef { value: Some(text.to_owned().into()), ..SecretRef::default() }]);
        let base_url = self.feed.base_url();
        let front = SourceSettings {
            secrets: [("webhook", &self.webhook_secret), ("rule", &self.rule_secret)]
                .map(|(name, text)| (name.to_owned(), literal(text)))
                .into(),
            ..SourceSettings::default()
        };
        let samsara = SourceSettings {
            secrets: [("token".to_owned(), literal(SAMSARA_TOKEN))].into(),
            config: [
                ("base_url".to_owned(), base_url.clone().into()),
                (
                    "types".to_owned(),
                    ["gps", "engineStates", "obdOdometerMeters", "fuelPercents", "faultCodes"].to_vec().into(),
                ),
            ]
            .into_iter()
            .collect(),
            grant: Grant { hosts: vec![base_url, "https://api.samsara.com".to_owned()] },
            ..SourceSettings::default()
        };
        for (name, source) in [("frontapp", front), ("samsara", samsara), ("carrier-edi", SourceSettings::default())] {
            settings.sources.insert(source_name(name)?, source);
        }
        Ok(())
    }

    /// Sends the signed webhooks: mails, a repeat, a forgery, and one nobody can read. Answers how many got a 2xx.
    pub async fn send_webhooks(&self, host: &Host, printer: Printer) -> anyhow::Result<u64> {
        let intake = host.addresses().context("the demo's host has listeners")?.intake;
        front::send_all(intake, &self.webhook_secret, &self.rule_secret, printer).await
    }

    /// Gives the carrier's files to the API. Answers how many transaction sets they hold; a file that holds none counts as one.
    pub async fn leave_files(&self, host: &Host, printer: Printer) -> anyhow::Result<u64> {
        let api = host.addresses().context("the demo's host has listeners")?.api;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let bar = printer.bar("reading carrier EDI files", EDI_FILES.len() as u64);
        let mut sets = 0;
        for (name, bytes) in EDI_FILES {
            let url = format!("http://{api}/v1/files/carrier-edi?name={name}");
            let status = http.post(url).bearer_auth(host.token()).body(*bytes).send().await?.status();
            anyhow::ensure!(status.is_success(), "{name} was answered {status}");
            sets += String::from_utf8_lossy(bytes).lines().filter(|line| line.starts_with("ST*")).count().max(1) as u64;
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(sets)
    }

    /// Waits until the feed has been read to its end and every event has ended.
    pub async fn settle(&self, host: &Host, printer: Printer) -> anyhow::Result<()> {
        let (samsara, last) = (source_name("samsara")?, samsara_feed::last_cursor());
        let waiting = printer.spinner("working everything off: documents, entities, embeddings");
        let deadline = Instant::now() + SETTLE_MAX;
        loop {
            let tally = host.tally().await?;
            waiting.set_message(format!("working everything off: {} in flight", tally.in_flight));
            let cursors = host.cursors(&samsara).await?;
            let read_to_the_end = !cursors.is_empty() && cursors.iter().all(|cursor| cursor.cursor.contains(&last));
            if read_to_the_end && tally.in_flight == 0 {
                waiting.finish_and_clear();
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the demo's {} events in flight did not end within {} s", tally.in_flight, SETTLE_MAX.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Empties the demo's own data directory, so that every run shows the same.
pub fn fresh_data_dir(data: &Path) -> anyhow::Result<PathBuf> {
    let dir = data.join("demo");
    if dir.exists() {
        let lock = crate::settings::DataDir::new(&dir).lock()?;
        std::fs::remove_dir_all(&dir).map_err(|cause| {
            Failure::never(Code::DATA_DIR_UNUSABLE, format!("cannot empty {}: {cause}", dir.display()))
                .next("remove it by hand, or choose another place with --data")
        })?;
        drop(lock);
    }
    Ok(dir)
}

fn source_name(name: &str) -> anyhow::Result<SourceName> {
    SourceName::parse(name).with_context(|| format!("`{name}` is a source name"))
}
