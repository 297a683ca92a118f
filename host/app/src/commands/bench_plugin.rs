//! `apex bench plugin`: what one call into the sandbox costs beside the same Rust code run natively, in one run.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apex_config::limits::PluginLimits;
use apex_model::delivery::{Delivery, Judgement};
use apex_model::ids::{SourceName, TraceId};
use apex_model::ports::{Budget, FileBody};
use apex_model::{Code, Failure, Timestamp};
use apex_plugin::SourceSettings;
use apex_plugin::bench::{Answer as Reply, Ask, BenchHttp, Workbench, WorkbenchOptions};
use apex_sdk::host::http::Response;
use apex_sdk::prelude::{
    Batch as _, Budget as GuestBudget, Instant as GuestInstant, MemoryFile, Poll as _, Request, Verdict, Webhook as _,
};
use apex_sdk::testing::{self, TestHost};
use serde::Serialize;

use crate::bench::figures::Spread;
use crate::bench::front::{FrontSender, event_body};
use crate::bench::ports::MemoryPorts;
use crate::cli::{BenchPluginArgs, Global};
use crate::exit::Exit;
use crate::output::Printer;
use crate::settings::cache_dir;

const SECRET: &str = "bench-secret";
const SLICE: &str = "vehicles";

/// One case: medians over all rounds, in nanoseconds a call.
#[derive(Debug, Serialize)]
struct Case {
    #[serde(rename = "case")]
    name: &'static str,
    native_ns: u64,
    ours_ns: u64,
    ratio: f64,
    rounds: u32,
    spread: [Spread; 2],
}

/// Every case.
#[derive(Debug, Serialize)]
pub struct Answer {
    cases: Vec<Case>,
}

type Work<'a> = Box<dyn FnMut() -> anyhow::Result<()> + 'a>;

/// Measures every case, native and sandboxed in turn, and prints the ratios.
pub async fn run(global: &Global, printer: Printer, args: BenchPluginArgs) -> anyhow::Result<Exit> {
    let answer = cases(global, printer, args.rounds).await?;
    printer.answer(&answer, |printer| print(printer, &answer, args.rounds))?;
    Ok(Exit::Done)
}

/// Measures every case.
pub async fn cases(global: &Global, printer: Printer, rounds: u32) -> anyhow::Result<Answer> {
    let plugins = global.plugins.clone();
    // Guests run on threads of their own: never on the runtime's.
    tokio::task::spawn_blocking(move || measure(&plugins, rounds, printer)).await?
}

/// Prints the cases for people.
pub fn print(printer: Printer, answer: &Answer, rounds: u32) {
    let row = |case: &Case| {
        let us = |ns: u64| format!("{:.1}", Duration::from_nanos(ns).as_secs_f64() * 1e6);
        vec![case.name.to_owned(), us(case.native_ns), us(case.ours_ns), format!("{:.2}", case.ratio)]
    };
    printer.table(&["PLUGIN CALL", "NATIVE µS", "OURS µS", "RATIO"], &answer.cases.iter().map(row).collect::<Vec<_>>());
    printer.line(&format!("medians of {rounds} interleaved rounds; every sandboxed call is a fresh instance"));
}

fn measure(plugins: &Path, rounds: u32, printer: Printer) -> anyhow::Result<Answer> {
    let front = workbench(plugins, "frontapp")?;
    let edi = workbench(plugins, "carrier-edi")?;
    let samsara = workbench(plugins, "samsara")?;
    let page = vehicle_page();
    let sender = FrontSender::new(SECRET, "frontapp");
    let (small, large) = (
        delivery(source_name("frontapp")?, &sender, 2 * 1024),
        delivery(source_name("frontapp")?, &sender, 100 * 1024),
    );
    let file = crate::demo::EDI_FILES.first().map_or(&b""[..], |(_, bytes)| bytes);
    let mut cases: Vec<(&'static str, Work<'_>, Work<'_>)> = vec![
        ("verify-2kb-fresh", verify_natively(&small), verify_in_sandbox(&front, &small)),
        ("parse-2kb-fresh", parse_natively(&small), parse_in_sandbox(&front, &small)),
        ("parse-100kb-fresh", parse_natively(&large), parse_in_sandbox(&front, &large)),
        ("fetch-500-fresh", fetch_natively(&page), fetch_in_sandbox(&samsara)),
        ("edi-204-fresh", edi_natively(file), edi_in_sandbox(&edi, file)),
    ];
    let bar = printer.bar("measuring", u64::from(rounds) * cases.len() as u64);
    let mut answer = Answer { cases: Vec::new() };
    for (name, native, ours) in &mut cases {
        let (mut natives, mut oursies) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            natives.push(time(native)?);
            oursies.push(time(ours)?);
            bar.inc(1);
        }
        let spread = [Spread::of(natives), Spread::of(oursies)];
        let [native, ours] = spread;
        let ratio = ours.median / native.median.max(1.0);
        answer.cases.push(Case {
            name,
            native_ns: whole(native.median),
            ours_ns: whole(ours.median),
            ratio,
            rounds,
            spread,
        });
    }
    bar.finish_and_clear();
    Ok(answer)
}

/// Nanoseconds a call, over about a tenth of a second after a short warm-up.
fn time(work: &mut Work<'_>) -> anyhow::Result<f64> {
    for _ in 0..20 {
        work()?;
    }
    let (start, mut calls) = (Instant::now(), 0_u32);
    while start.elapsed().as_millis() < 100 {
        for _ in 0..10 {
            work()?;
        }
        calls += 10;
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls))
}

fn whole(ns: f64) -> u64 {
    u64::try_from(Duration::from_secs_f64(ns / 1e9).as_nanos()).unwrap_or(u64::MAX)
}

fn workbench(plugins: &Path, id: &str) -> anyhow::Result<Workbench> {
    let file = plugins.join(format!("{id}.wasm"));
    if !file.is_file() {
        return Err(Failure::never(Code::PLUGIN_MISSING, format!("{} is not there", file.display()))
            .next(format!("run `apex plugin build plugins/{id}` first"))
            .into());
    }
    let mut settings = SourceSettings::bare(source_name(id)?, id);
    let secret = if id == "samsara" { "token" } else { "webhook" };
    settings.secrets.insert(secret.to_owned(), vec![SECRET.to_owned().into()]);
    settings.granted_hosts.push("https://api.samsara.com".to_owned());
    let ports = Arc::new(MemoryPorts::default());
    let page = vehicle_page();
    let answer = move |_: &Ask| Ok(Reply { status: 200, headers: String::new(), body: page.clone() });
    let options = WorkbenchOptions {
        file: &file,
        settings: Some(settings),
        cache_dir: &cache_dir()?.join("compiled"),
        limits: PluginLimits::default(),
        state: ports.clone(),
        blobs: ports,
        clock: Arc::new(Timestamp::now),
        http: BenchHttp::Script(Arc::new(answer)),
    };
    Ok(Workbench::open(options)?)
}

fn source_name(id: &str) -> Result<SourceName, Failure> {
    SourceName::parse(id).ok_or_else(|| Failure::never(Code::INTERNAL, "a connector's id is a source name"))
}

fn delivery(source: SourceName, sender: &FrontSender, bytes: usize) -> Delivery {
    let body = event_body(1_679_615, bytes);
    let now = Timestamp::now();
    let timestamp = now.unix_ms();
    Delivery {
        source,
        method: "POST".to_owned(),
        target: "/webhooks/frontapp".to_owned(),
        headers: format!(
            "host: localhost\ncontent-type: application/json\nx-front-request-timestamp: {timestamp}\nx-front-signature: {}\ncontent-length: {}\n",
            sender.signature(timestamp, &body),
            body.len()
        ),
        body: body.into(),
        received_at: now,
        trace: TraceId([7; 16]),
    }
}

/// The connector's own code over the SDK's native host, which computes the same MAC.
fn verify_natively(delivery: &Delivery) -> Work<'_> {
    let request = guest_request(delivery);
    testing::set_up(TestHost {
        now: request.received_at,
        secrets: [("webhook".to_owned(), SECRET.as_bytes().to_vec())].into(),
        body: request.body.clone(),
        ..TestHost::default()
    });
    Box::new(move || {
        let verdict = frontapp::Frontapp::verify(&request);
        anyhow::ensure!(matches!(verdict, Verdict::Accept(_)), "the signature fits");
        black_box(verdict);
        Ok(())
    })
}

fn verify_in_sandbox<'a>(front: &'a Workbench, delivery: &'a Delivery) -> Work<'a> {
    Box::new(move || {
        let judged = front.verify(delivery.clone())?;
        anyhow::ensure!(matches!(judged, Judgement::Accepted(_)), "the signature fits");
        black_box(judged);
        Ok(())
    })
}

fn guest_request(delivery: &Delivery) -> Request {
    let (seconds, nanoseconds) = delivery.received_at.parts();
    Request {
        method: delivery.method.clone(),
        target: delivery.target.clone(),
        headers: delivery.headers.clone(),
        body: delivery.body.to_vec(),
        received_at: GuestInstant { seconds, nanoseconds },
    }
}

fn parse_natively(delivery: &Delivery) -> Work<'_> {
    let request = guest_request(delivery);
    Box::new(move || {
        let documents = frontapp::Frontapp::parse(&request).map_err(|fault| anyhow::anyhow!(fault.message))?;
        black_box(documents);
        Ok(())
    })
}

fn parse_in_sandbox<'a>(front: &'a Workbench, delivery: &'a Delivery) -> Work<'a> {
    Box::new(move || {
        black_box(front.parse(delivery)?);
        Ok(())
    })
}

fn edi_natively(bytes: &'static [u8]) -> Work<'static> {
    let file = MemoryFile::new("tender.edi", bytes.to_vec());
    Box::new(move || {
        let page = carrier_edi::CarrierEdi::parse(&file, None).map_err(|fault| anyhow::anyhow!(fault.message))?;
        black_box(page);
        Ok(())
    })
}

fn edi_in_sandbox<'a>(edi: &'a Workbench, bytes: &'static [u8]) -> Work<'a> {
    Box::new(move || {
        let file = FileBody { name: "tender.edi".to_owned(), bytes: bytes.into() };
        black_box(edi.parse_file(file, None)?);
        Ok(())
    })
}

/// A page of the stats feed with one point of each of 500 vehicles.
fn vehicle_page() -> Vec<u8> {
    let vehicle = |number: u32| {
        serde_json::json!({
            "id": (281_474_980_000_000_u64 + u64::from(number)).to_string(),
            "name": format!("Truck {number}"),
            "gps": [{
                "time": "2026-01-12T08:15:00Z", "latitude": 42.212_349, "longitude": -122.731_18,
                "headingDegrees": 308.5, "speedMilesPerHour": 56.04,
                "reverseGeo": {"formattedLocation": "Ashland, OR, 97520"}
            }]
        })
    };
    let page = serde_json::json!({
        "data": (0..500).map(vehicle).collect::<Vec<_>>(),
        "pagination": {"endCursor": "bench", "hasNextPage": false}
    });
    page.to_string().into_bytes()
}

const BUDGET: (u32, u32, u32) = (1_000, 8 << 20, 10_000);

fn fetch_natively(page: &[u8]) -> Work<'_> {
    let (documents_max, bytes_max, ms_max) = BUDGET;
    Box::new(move || {
        let answer = Response { status: 200, headers: String::new(), body: page.to_vec() };
        testing::set_up(TestHost { answers: [Ok(answer)].into(), ..TestHost::default() });
        let budget = GuestBudget { documents_max, bytes_max, ms_max };
        let page = samsara::Samsara::fetch(SLICE, None, &budget).map_err(|fault| anyhow::anyhow!(fault.message))?;
        anyhow::ensure!(page.documents.len() == 500, "{} documents instead of 500", page.documents.len());
        black_box(page);
        Ok(())
    })
}

fn fetch_in_sandbox(samsara: &Workbench) -> Work<'_> {
    let (documents_max, bytes_max, ms_max) = BUDGET;
    Box::new(move || {
        let page = samsara.fetch(SLICE, None, Budget { documents_max, bytes_max, ms_max })?;
        anyhow::ensure!(page.documents.len() == 500, "{} documents instead of 500", page.documents.len());
        black_box(page);
        Ok(())
    })
}
