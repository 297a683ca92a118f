//! Texts as they come from mail, CRM notes and EDI prose, with everything a careful reader would take from them by rule.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use apex_pipeline::entities::Extractor;

/// Title, text, and the keys expected in the order of the contract: kinds first, then mention.
fn check(title: &str, text: &str, expected: &[&str]) {
    let found: Vec<String> =
        Extractor::new().unwrap().extract(title, text).into_iter().map(|entity| entity.key).collect();
    let missing: Vec<_> = expected.iter().filter(|key| !found.iter().any(|found| found == **key)).collect();
    let extra: Vec<_> = found.iter().filter(|key| !expected.contains(&key.as_str())).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing: {missing:?}\nnot expected: {extra:?}");
}

#[test]
fn a_mail_about_a_late_pickup() {
    check(
        "Late pickup for load 4455667",
        "Hi Carlos,\n\nOur driver Luis Ortega is running two hours late for load 4455667 (PRO 123456789, BOL# 88912-A). \
         He left Dallas, TX at 06:30 and should reach Acme Foods, Inc. at 1950 Sand Lake Rd Orlando, FL 32809 on 11/24/2026 \
         around 4 p.m. Detention is $75.00 per hour.\n\nPlease call (407) 555-0182 or write to dispatch@swiftriver.example.com.\n\n\
         Best regards,\nPriya Natarajan\nSwift River Logistics LLC\npriya.natarajan@swiftriver.example.com",
        &[
            "shipment:4455667",
            "pro:123456789",
            "bol:88912-a",
            "organisation:acme-foods-inc",
            "organisation:swift-river-logistics-llc",
            "person:luis-ortega",
            "person:priya-natarajan",
            "email:dispatch@swiftriver.example.com",
            "email:priya.natarajan@swiftriver.example.com",
            "place:dallas-tx",
            "place:orlando-fl",
            "phone:4075550182",
            "amount:usd:75.00",
            "date:2026-11-24",
        ],
    );
}

#[test]
fn an_invoice_reminder() {
    check(
        "Invoice INV-20931 past due",
        "Dear Accounts Payable,\n\nInvoice INV-20931 dated November 3, 2026 over USD 12,480.50 for PO 4500098123 is past due. \
         A late fee of 1.5 % (USD 187.21) applies from 12/01/2026. Remit to First Prairie Bank, or pay at \
         https://Pay.Example.com/i/20931?k=Ab. Questions? Ask Ms. Dubois, +33 1 55 50 10 20.",
        &[
            "invoice:inv-20931",
            "po:4500098123",
            "organisation:first-prairie-bank",
            "person:dubois",
            "phone:+33155501020",
            "amount:usd:12480.50",
            "amount:usd:187.21",
            "date:2026-11-03",
            "date:2026-12-01",
            "url:https://pay.example.com/i/20931?k=Ab",
        ],
    );
}

#[test]
fn an_ocean_arrival_notice() {
    check(
        "Arrival notice",
        "Container CSQU3054383, booking number 2609118840, vessel due at the Port of Los Angeles on 2026-12-02T06:00:00Z. \
         Shipper: Nordlicht Maschinen GmbH, Hamburg, Germany. Seal no. UL-7718820. Free time ends 7 December 2026; \
         demurrage is 185,00 EUR per day. Carrier SCAC: ABCD.",
        &[
            "equipment:csqu3054383",
            "booking:2609118840",
            "seal:ul-7718820",
            "scac:abcd",
            "organisation:nordlicht-maschinen-gmbh",
            "place:port-of-los-angeles",
            "place:hamburg-de",
            "amount:eur:185.00",
            "date:2026-12-02",
            "date:2026-12-07",
        ],
    );
}

#[test]
fn a_vehicle_note() {
    check(
        "Truck 1187 fault",
        "Truck 1187 (VIN 1M8GDM9AXKP042788) reported a coolant fault near Ashland, OR. Trailer 53021 was dropped at the \
         yard of Rogue Valley Freight. Mike Tanaka said the tow will cost $640. MC 381920, USDOT 1029384.",
        &[
            "truck:1187",
            "vin:1m8gdm9axkp042788",
            "equipment:53021",
            "mc:381920",
            "dot:1029384",
            "organisation:rogue-valley-freight",
            "person:mike-tanaka",
            "place:ashland-or",
            "amount:usd:640.00",
        ],
    );
}

#[test]
fn prose_without_entities_gives_none() {
    check(
        "Weekly notes",
        "The team met on Monday. We moved 200 pallets and 10000 units this week, 15% more than last week. Thanks, OK! \
         Please check the dashboard at 8:30 or ask Customer Service. Version 2.5.1 is out. Our Freight Team did well.",
        &[],
    );
}

#[test]
fn a_forwarded_thread_in_capitals() {
    check(
        "FW: TENDER",
        "From: Jane Doe <Jane.Doe@acme.example.com>\nTo: Tenders <tenders@carrier.example.com>\n\n\
         PICKUP: SALT LAKE CITY, UT 84101\nDELIVERY: TORONTO, ON M5V 2T6\nRATE: $2,350.00 USD\nREF # TX-99812\n\
         TRACKING 1Z999AA10123456784\nPLEASE CALL, OR EMAIL US",
        &[
            "reference:tx-99812",
            "tracking:1z999aa10123456784",
            "email:jane.doe@acme.example.com",
            "email:tenders@carrier.example.com",
            "place:salt-lake-city-ut",
            "place:toronto-on-ca",
            "amount:usd:2350.00",
        ],
    );
}

#[test]
fn names_are_what_a_reader_sees() {
    let found = Extractor::new()
        .unwrap()
        .extract("", "From: Jane Doe <JANE@acme.example.com>, $5 to tom.becker@acme.example.com in DALLAS, TX");
    let shown: Vec<(&str, &str)> = found.iter().map(|entity| (entity.key.as_str(), entity.name.as_str())).collect();
    assert_eq!(
        shown,
        [
            ("email:jane@acme.example.com", "Jane Doe"),
            ("email:tom.becker@acme.example.com", "Tom Becker"),
            ("place:dallas-tx", "Dallas, TX"),
            ("amount:usd:5.00", "USD 5.00"),
        ]
    );
}

#[test]
fn hostile_text_is_read_in_bounded_time() {
    let extractor = Extractor::new().unwrap();
    for text in [
        "A ".repeat(200_000),
        "a@".repeat(200_000),
        "1,".repeat(200_000),
        "Aa, ".repeat(100_000),
        "\u{301}".repeat(50_000),
    ] {
        let started = std::time::Instant::now();
        extractor.extract("", &text);
        assert!(started.elapsed().as_secs() < 20, "{} took {:?}", &text[..4.min(text.len())], started.elapsed());
    }
}
