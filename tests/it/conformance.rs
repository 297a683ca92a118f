//! Every case of every connector against its built component, in the sandbox; and what must hold for any connector:
//! nothing forged or old is accepted, and no input ends a call otherwise than in an answer or a fault.

mod cases;

use std::collections::BTreeSet;
use std::fs;

use apex_model::Failure;
use apex_model::delivery::{Delivery, Judgement, Rejection, Reply};
use apex_model::ports::{Budget, FileBody, FileOutcome, Next};
use apex_plugin::bench::Answer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::harness::repository;
use cases::{Bench, Case, after_ms, compare, documents, fault, fault_line};

/// How a connector's webhooks are signed, as far as the checks need to know.
struct Scheme {
    signature: &'static str,
    /// The same header with one bit of the MAC flipped; none behind the last bit.
    flip: fn(&str, usize) -> Option<String>,
    time: &'static str,
    /// Milliseconds in one unit of the time header.
    unit_ms: i64,
}

const FRONTAPP: Scheme =
    Scheme { signature: "x-front-signature", flip: flip_base64, time: "x-front-request-timestamp", unit_ms: 1 };
const SAMSARA: Scheme =
    Scheme { signature: "x-samsara-signature", flip: flip_last_hex, time: "x-samsara-timestamp", unit_ms: 1_000 };

/// Both schemes take a request for five minutes.
const WINDOW_MS: i64 = 300_000;
/// Places of a body at which a bit is flipped.
const BODY_FLIPS: usize = 97;
/// How many bytes a cut file is longer than the one before.
const CUT_STEP: usize = 97;

#[test]
fn frontapp_meets_its_cases() {
    report("frontapp", 27, |case| meet(case).and_then(|()| forge(case, &FRONTAPP)));
}

#[test]
fn samsara_meets_its_cases() {
    report("samsara", 34, |case| meet(case).and_then(|()| forge(case, &SAMSARA)));
}

#[test]
fn carrier_edi_meets_its_cases() {
    report("carrier-edi", 18, |case| meet(case).and_then(|()| cut(case)));
}

#[test]
fn every_connector_with_cases_is_tested_here() {
    let folders = fs::read_dir(repository().join("plugins")).unwrap().map(|entry| entry.unwrap().path());
    let names = folders.filter(|path| path.join("cases").is_dir());
    let names: BTreeSet<String> = names.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, ["carrier-edi", "frontapp", "samsara"].map(str::to_owned).into());
}

#[test]
fn every_sample_file_of_carrier_edi_ends_in_an_answer() {
    let folder = repository().join("plugins/carrier-edi/tests/samples");
    let bench = Case::all("carrier-edi")[0].bench();
    let (mut read, mut wrong) = (0, Vec::new());
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|extension| extension == "edi") {
            read += 1;
            if let Err(problem) = ends_well(&bench, &fs::read(&path).unwrap()) {
                wrong.push(format!("{}: {problem}", path.display()));
            }
        }
    }
    assert!(read >= 36, "sample files are missing: {read}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs a check over every case and names those that fail.
fn report(connector: &'static str, cases_min: usize, check: impl Fn(&Case) -> Result<(), String>) {
    let cases = Case::all(connector);
    assert!(cases.len() >= cases_min, "cases of {connector} are missing: {}", cases.len());
    let wrong: Vec<String> =
        cases.iter().filter_map(|case| Some(format!("{}: {}", case.name, check(case).err()?))).collect();
    assert!(wrong.is_empty(), "{} of {} cases of {connector}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn meet(case: &Case) -> Result<(), String> {
    let bench = case.bench();
    let (name, bytes) = case.input();
    case.judge(&match name.as_str() {
        "request.http" => webhook(&bench, bench.delivery(&bytes)),
        "page.json" => poll(case, &bench, &serde_json::from_slice(&bytes).unwrap()),
        _ => batch(&bench, &bytes).map_err(|failure| fault_line(&failure)),
    })
}

fn webhook(bench: &Bench, delivery: Delivery) -> Result<Value, String> {
    let reply = |reply: &Reply| {
        let body = String::from_utf8_lossy(&reply.body);
        json!({"status": reply.status, "content_type": reply.content_type, "body": body})
    };
    let judgement = bench.work.verify(delivery).map_err(|failure| fault_line(&failure))?;
    match judgement {
        Judgement::Rejected(rejection) => Err(format!("reject {}", rejection.as_str().replace('_', "-"))),
        Judgement::Challenge(answer) => Ok(json!({"verdict": "challenge", "reply": reply(&answer)})),
        Judgement::Ignored(answer) => Ok(json!({"verdict": "ignore", "reply": reply(&answer)})),
        Judgement::Accepted(accepted) => {
            let parsed = bench.work.parse(accepted.delivery()).map_err(|failure| fault_line(&failure))?;
            let said = accepted.acceptance();
            let mut found = json!({
                "verdict": "accept",
                "event_key": said.event_key,
                "event_type": said.event_type,
                "documents": documents(&parsed),
            });
            if let Some(answer) = &said.reply {
                found["reply"] = reply(answer);
            }
            Ok(found)
        }
    }
}

fn poll(case: &Case, bench: &Bench, page: &Value) -> Result<Value, String> {
    let (mut cursor, mut outcomes) = (None::<String>, Vec::new());
    for call in page["calls"].as_array().unwrap() {
        if let Some(set) = call.get("cursor") {
            cursor = set.as_str().map(str::to_owned);
        }
        bench.set_clock(bench.now_ms() + call["after_ms"].as_i64().unwrap_or(0));
        let slices = bench.work.slices().map_err(|failure| fault_line(&failure))?;
        let slice = call["slice"].as_str().or(slices.first().map(String::as_str)).ok_or("there are no slices")?;
        if !slices.iter().any(|known| known == slice) {
            return Err(format!("{slice} is not in {slices:?}"));
        }
        let exchanges = call["exchanges"].as_array().unwrap();
        bench.expect(exchanges.iter().map(|exchange| response(case, &exchange["response"])));
        let fetched = bench.work.fetch(slice, cursor.as_deref(), budget(&call["budget"]));
        let requests: Value = exchanges.iter().map(|exchange| exchange["request"].clone()).collect();
        compare(&requests, &bench.asked(), "requests")?;
        outcomes.push(match &fetched {
            Ok(page) => {
                json!({"documents": documents(&page.documents), "cursor": page.cursor, "next": next(page.next)})
            }
            Err(failure) => {
                let (kind, code) = fault(failure)?;
                json!({"fault": {"kind": kind, "code": code, "after_ms": after_ms(failure)}})
            }
        });
        cursor = fetched.map(|page| page.cursor).ok().or(cursor);
    }
    Ok(json!({"calls": outcomes}))
}

fn budget(written: &Value) -> Budget {
    let or = |name: &str, default| written[name].as_u64().map_or(default, |number| u32::try_from(number).unwrap());
    Budget {
        documents_max: or("documents_max", 1_000),
        bytes_max: or("bytes_max", 8 << 20),
        ms_max: or("ms_max", 10_000),
    }
}

fn response(case: &Case, written: &Value) -> Answer {
    let header = |(name, value): (&String, &Value)| format!("{}: {}\n", name.to_lowercase(), value.as_str().unwrap());
    let body = match (&written["body_file"], &written["body"]) {
        (Value::String(file), _) => case.file(file).expect("the body's file"),
        (_, Value::String(text)) => text.clone().into_bytes(),
        (_, json) => json.to_string().into_bytes(),
    };
    let status = u16::try_from(written["status"].as_u64().unwrap()).unwrap();
    Answer { status, headers: written["headers"].as_object().into_iter().flatten().map(header).collect(), body }
}

fn next(next: Next) -> Value {
    match next {
        Next::More => json!("more"),
        Next::Finished => json!("finished"),
        Next::Idle(None) => json!("idle"),
        Next::Idle(Some(delay)) => json!({"idle": u64::try_from(delay.as_millis()).unwrap()}),
    }
}

/// All pages of a file, then the replies to it: documents are stored, issues are not.
fn batch(bench: &Bench, bytes: &[u8]) -> Result<Value, Failure> {
    let file = || FileBody { name: "in.edi".to_owned(), bytes: bytes.to_vec().into() };
    let (mut found, mut issues, mut outcomes, mut resume) = (Vec::new(), Vec::new(), Vec::new(), None::<String>);
    loop {
        let page = bench.work.parse_file(file(), resume.as_deref())?;
        for document in &page.documents {
            outcomes.push(FileOutcome { id: document.id.clone(), stored: true, reason: String::new() });
        }
        for issue in &page.issues {
            outcomes.push(FileOutcome { id: issue.id.clone(), stored: false, reason: issue.message.clone() });
            issues.push(json!({"id": issue.id, "code": issue.code}));
        }
        found.extend(page.documents);
        if page.resume.is_none() {
            break;
        }
        assert_ne!(page.resume, resume, "the connector comes no further in the file");
        resume = page.resume;
    }
    let replies = bench.work.acknowledge(file(), &outcomes)?;
    let reply = |content: &[u8]| String::from_utf8_lossy(content).into_owned();
    let replies: Value = replies.iter().map(|it| json!({"name": it.name, "content": reply(&it.content)})).collect();
    Ok(json!({"documents": documents(&found), "issues": issues, "replies": replies}))
}

/// Whether the connector said something of the file: documents, issues, or a fault with a reason.
fn ends_well(bench: &Bench, bytes: &[u8]) -> Result<(), String> {
    let some = |found: &Value, name: &str| found[name].as_array().is_some_and(|list| !list.is_empty());
    match batch(bench, bytes) {
        Ok(found) if some(&found, "documents") || some(&found, "issues") => Ok(()),
        Ok(_) => Err("neither documents nor issues nor a fault".to_owned()),
        Err(failure) => fault(&failure).map(|_| ()),
    }
}

/// The empty file, and the file cut at every 97th byte.
fn cut(case: &Case) -> Result<(), String> {
    let (bench, (_, bytes)) = (case.bench(), case.input());
    for length in (0..bytes.len()).step_by(CUT_STEP) {
        ends_well(&bench, &bytes[..length]).map_err(|problem| format!("cut to {length} bytes: {problem}"))?;
    }
    Ok(())
}

/// If the case is a genuine request: whatever of it is changed, it is no longer.
fn forge(case: &Case, scheme: &Scheme) -> Result<(), String> {
    let (name, bytes) = case.input();
    let bench = case.bench();
    if name != "request.http" || refusal(&bench, &bench.delivery(&bytes))?.is_some() {
        return Ok(());
    }
    let genuine = bench.delivery(&bytes);
    let signature = header(&genuine, scheme.signature).expect("a genuine request is signed").to_owned();
    let mut bits = 0;
    while let Some(flipped) = (scheme.flip)(&signature, bits) {
        let forged = with_header(&genuine, scheme.signature, &flipped);
        refused(&bench, &forged, Rejection::BadSignature, &format!("bit {bits} of the signature"))?;
        bits += 1;
    }
    if bits != 160 && bits != 256 {
        return Err(format!("{bits} bits are neither SHA-1 nor SHA-256"));
    }
    forge_body(&bench, &genuine)?;
    if let Some(time) = header(&genuine, scheme.time) {
        let (now_ms, sent_ms) = (bench.now_ms(), time.parse::<i64>().unwrap() * scheme.unit_ms);
        for off_ms in [WINDOW_MS + 1_000, -WINDOW_MS - 1_000] {
            bench.set_clock(sent_ms + off_ms);
            refused(&bench, &bench.delivery(&bytes), Rejection::Stale, &format!("{off_ms} ms off"))?;
        }
        bench.set_clock(now_ms);
    }
    match refusal(&bench, &bench.delivery(&shouted(&bytes)))? {
        None => Ok(()),
        Some(rejection) => Err(format!("header names in upper case: {}", rejection.as_str())),
    }
}

fn forge_body(bench: &Bench, genuine: &Delivery) -> Result<(), String> {
    let body = &genuine.body;
    let refused = |body: Vec<u8>, what: String| {
        let forged = Delivery { body: body.into(), ..genuine.clone() };
        refused(bench, &forged, Rejection::BadSignature, &what)
    };
    let bits = body.len() * 8;
    // An odd step reaches every place within a byte.
    for bit in (0..bits).step_by((bits / BODY_FLIPS).max(1) | 1) {
        let mut changed = body.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        refused(changed, format!("bit {bit} of the body"))?;
    }
    for length in [0, body.len() / 2, body.len().saturating_sub(1)] {
        if length < body.len() {
            refused(body[..length].to_vec(), format!("the body cut to {length} bytes"))?;
        }
    }
    refused([body, &b" "[..]].concat(), "a longer body".to_owned())
}

fn refusal(bench: &Bench, delivery: &Delivery) -> Result<Option<Rejection>, String> {
    match bench.work.verify(delivery.clone()) {
        Ok(Judgement::Rejected(rejection)) => Ok(Some(rejection)),
        Ok(_) => Ok(None),
        Err(failure) => Err(fault_line(&failure)),
    }
}

fn refused(bench: &Bench, delivery: &Delivery, wanted: Rejection, what: &str) -> Result<(), String> {
    match refusal(bench, delivery)? {
        Some(rejection) if rejection == wanted => Ok(()),
        Some(other) => Err(format!("{what}: {} instead of {}", other.as_str(), wanted.as_str())),
        None => Err(format!("{what}: accepted")),
    }
}

fn header<'a>(delivery: &'a Delivery, name: &str) -> Option<&'a str> {
    delivery
        .headers
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(it, _)| *it == name)
        .map(|(_, value)| value)
}

fn with_header(delivery: &Delivery, name: &str, value: &str) -> Delivery {
    let line = |line: &str| match line.split_once(": ") {
        Some((it, _)) if it == name => format!("{name}: {value}\n"),
        _ => format!("{line}\n"),
    };
    Delivery { headers: delivery.headers.lines().map(line).collect(), ..delivery.clone() }
}

/// The same request with every header name in upper case.
fn shouted(request: &[u8]) -> Vec<u8> {
    let (mut name, mut head, mut line_start) = (false, true, true);
    let shout = |byte: &u8| {
        head &= !(line_start && matches!(byte, b'\r' | b'\n'));
        name = (name || line_start) && *byte != b':' && *byte != b' ';
        line_start = *byte == b'\n';
        if head && name { byte.to_ascii_uppercase() } else { *byte }
    };
    request.iter().map(shout).collect()
}

fn flip_base64(signature: &str, bit: usize) -> Option<String> {
    let mut mac = STANDARD.decode(signature).unwrap();
    *mac.get_mut(bit / 8)? ^= 1 << (bit % 8);
    Some(STANDARD.encode(mac))
}

/// The genuine one of several signatures stands last in the cases.
fn flip_last_hex(signature: &str, bit: usize) -> Option<String> {
    let (before, mac) = signature.split_at(signature.rfind('=').unwrap() + 1);
    let digit = mac.chars().nth(bit / 4)?.to_digit(16).unwrap() ^ (1 << (bit % 4));
    Some(format!("{before}{}{digit:x}{}", &mac[..bit / 4], &mac[bit / 4 + 1..]))
}
