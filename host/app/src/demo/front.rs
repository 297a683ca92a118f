//! Front's side of the demo: rule webhooks with whole messages, application webhooks with previews, and what goes wrong
//! on a normal day: a repeat, a forgery, a body nobody can read.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};

use crate::bench::front::FrontSender;
use crate::output::Printer;

const MAILS: &str = include_str!("data/mails.tsv");
/// 2026-01-12T08:00:00Z; each mail is four minutes after the one before.
const FIRST_MAIL_AT_S: i64 = 1_768_204_800;

struct Mail<'a> {
    key: &'a str,
    name: &'a str,
    address: &'a str,
    subject: &'a str,
    text: &'a str,
}

fn mails() -> impl Iterator<Item = Mail<'static>> {
    MAILS.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut cells = line.splitn(5, '\t');
        Some(Mail {
            key: cells.next()?,
            name: cells.next()?,
            address: cells.next()?,
            subject: cells.next()?,
            text: cells.next()?,
        })
    })
}

/// A full event, as a rule webhook carries it.
fn inbound_event(index: i64, mail: &Mail<'_>) -> Value {
    let api = "https://harborline.api.frontapp.com";
    let at = FIRST_MAIL_AT_S + 240 * index;
    json!({
        "_links": {"self": format!("{api}/events/evt_demo{}", mail.key)},
        "id": format!("evt_demo{}", mail.key),
        "type": "inbound",
        "emitted_at": at,
        "conversation": {
            "_links": {"self": format!("{api}/conversations/cnv_demo{}", mail.key)},
            "id": format!("cnv_demo{}", mail.key),
            "subject": mail.subject,
            "status": "unassigned",
            "recipient": {"handle": mail.address, "name": mail.name, "role": "from"},
            "tags": [],
            "created_at": at
        },
        "source": {"_meta": {"type": "inboxes"}, "data": [{"id": "inb_ops", "name": "Operations"}]},
        "target": {
            "_meta": {"type": "message"},
            "data": {
                "_links": {"self": format!("{api}/messages/msg_demo{}", mail.key)},
                "id": format!("msg_demo{}", mail.key),
                "type": "email",
                "is_inbound": true,
                "created_at": at,
                "subject": mail.subject,
                "blurb": mail.text.chars().take(60).collect::<String>(),
                "body": format!("<p>{}</p>", mail.text),
                "text": mail.text,
                "recipients": [
                    {"handle": mail.address, "name": mail.name, "role": "from"},
                    {"handle": "ops@harborline.example", "name": "Harbor Line Operations", "role": "to"}
                ],
                "attachments": []
            }
        }
    })
}

struct Sender {
    http: reqwest::Client,
    url: String,
    application: FrontSender,
    rule: hmac::Key,
}

impl Sender {
    async fn send(&self, headers: &[(&str, String)], body: Vec<u8>) -> anyhow::Result<u16> {
        let mut request = self.http.post(&self.url).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        Ok(request.send().await.context("the demo's host does not answer")?.status().as_u16())
    }

    async fn rule(&self, body: Vec<u8>) -> anyhow::Result<u16> {
        let signature = STANDARD.encode(hmac::sign(&self.rule, &body));
        self.send(&[("x-front-signature", signature)], body).await
    }

    async fn application(&self, body: Vec<u8>) -> anyhow::Result<u16> {
        let now = apex_model::Timestamp::now().unix_ms();
        let headers = [
            ("x-front-request-timestamp", now.to_string()),
            ("x-front-signature", self.application.signature(now, &body)),
        ];
        self.send(&headers, body).await
    }
}

/// Sends everything, checks each answer, and says how many were 2xx.
pub async fn send_all(intake: SocketAddr, webhook: &str, rule: &str, printer: Printer) -> anyhow::Result<u64> {
    let sender = Sender {
        http: reqwest::Client::builder().no_proxy().build()?,
        url: format!("http://{intake}/webhooks/frontapp"),
        application: FrontSender::new(webhook, "frontapp"),
        rule: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, rule.as_bytes()),
    };
    let bar = printer.bar("sending signed Front webhooks", mails().count() as u64 + 4);
    for (index, mail) in (0_i64..).zip(mails()) {
        let status = sender.rule(inbound_event(index, &mail).to_string().into_bytes()).await?;
        ensure!(status == 202, "mail {} was answered {status}, not 202", mail.key);
        bar.inc(1);
    }
    if let Some(first) = mails().next() {
        let status = sender.rule(inbound_event(0, &first).to_string().into_bytes()).await?;
        ensure!(status == 202, "a repeat was answered {status}, not 202");
        bar.inc(1);
    }
    let preview = json!({"type": "tag_added", "authorization": {"id": "cmp_demo"}, "payload": {
        "_links": {"self": "https://harborline.api.frontapp.com/events/evt_demo50"},
        "id": "evt_demo50", "type": "tag", "emitted_at": FIRST_MAIL_AT_S + 36_000,
        "conversation": {"id": "cnv_demo01", "_links": {"self": "https://harborline.api.frontapp.com/conversations/cnv_demo01"}}
    }});
    let status = sender.application(preview.to_string().into_bytes()).await?;
    ensure!(status == 202, "a preview was answered {status}, not 202");
    bar.inc(1);
    let status = sender.send(&[("x-front-signature", STANDARD.encode([0; 20]))], b"{}".to_vec()).await?;
    ensure!(status == 401, "a forgery was answered {status}, not 401");
    bar.inc(1);
    let status = sender.rule(b"{\"id\": \"evt_demo51\", \"type\": \"inbound\", cut off".to_vec()).await?;
    ensure!(status == 202, "a signed body nobody can read was answered {status}, not 202");
    bar.inc(1);
    bar.finish_and_clear();
    // All but the forgery.
    Ok(bar.position() - 1)
}
