//! What common X12 codes mean, in the words of the trade. Only codes in common usage: partners' guides differ, so the code
//! itself is always shown beside its meaning and an unknown code is no error.

/// The meaning of `code` in `table`; absent if the table does not know it.
pub fn meaning(table: &[(&str, &'static str)], code: &str) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning)
}

/// The meaning with the code behind it: `arrived at pickup (X3)`; the code alone if it is unknown.
pub fn named(table: &[(&str, &'static str)], code: &str) -> String {
    meaning(table, code).map_or_else(|| code.to_owned(), |meaning| format!("{meaning} ({code})"))
}

/// Transaction sets by ST01.
pub const SETS: &[(&str, &str)] = &[
    ("110", "air freight invoice"),
    ("180", "return merchandise authorization"),
    ("204", "motor carrier load tender"),
    ("210", "motor carrier freight invoice"),
    ("211", "motor carrier bill of lading"),
    ("212", "motor carrier delivery trailer manifest"),
    ("213", "motor carrier shipment status inquiry"),
    ("214", "shipment status message"),
    ("240", "motor carrier package status"),
    ("270", "eligibility inquiry"),
    ("271", "eligibility information"),
    ("275", "patient information"),
    ("276", "claim status request"),
    ("277", "claim status response"),
    ("278", "services review information"),
    ("304", "shipping instructions"),
    ("310", "ocean freight invoice"),
    ("315", "ocean status details"),
    ("322", "terminal operations activity"),
    ("404", "rail bill of lading"),
    ("753", "request for routing instructions"),
    ("754", "routing instructions"),
    ("810", "invoice"),
    ("812", "credit or debit adjustment"),
    ("816", "organizational relationships"),
    ("820", "payment order and remittance advice"),
    ("824", "application advice"),
    ("832", "price catalog"),
    ("834", "benefit enrollment"),
    ("835", "claim payment and advice"),
    ("837", "health care claim"),
    ("846", "inventory advice"),
    ("850", "purchase order"),
    ("852", "product activity data"),
    ("855", "purchase order acknowledgment"),
    ("856", "ship notice"),
    ("858", "shipment information"),
    ("860", "purchase order change"),
    ("864", "text message"),
    ("865", "purchase order change acknowledgment"),
    ("940", "warehouse shipping order"),
    ("943", "warehouse stock transfer shipment advice"),
    ("944", "warehouse stock transfer receipt advice"),
    ("945", "warehouse shipping advice"),
    ("947", "warehouse inventory adjustment advice"),
    ("990", "response to a load tender"),
    ("997", "functional acknowledgment"),
    ("998", "set cancellation"),
    ("999", "implementation acknowledgment"),
];

/// B2A01 and others: purpose (element 353).
pub const PURPOSE: &[(&str, &str)] = &[
    ("00", "original"),
    ("01", "cancellation"),
    ("02", "addition"),
    ("03", "deletion"),
    ("04", "change"),
    ("05", "replacement"),
    ("06", "confirmation"),
    ("22", "information copy"),
    ("53", "completion"),
];

/// B204, B304: method of payment (element 146).
pub const PAYMENT: &[(&str, &str)] = &[
    ("CC", "collect"),
    ("PP", "prepaid by the seller"),
    ("TP", "third party pays"),
    ("PC", "prepaid, charged on"),
    ("DE", "per contract"),
    ("CA", "advance collect"),
    ("PO", "prepaid only"),
    ("NC", "service freight, no charge"),
];

/// S502: why the carrier stops (element 163).
pub const STOP_REASON: &[(&str, &str)] = &[
    ("CL", "complete load"),
    ("CU", "complete unload"),
    ("LD", "load"),
    ("UL", "unload"),
    ("PL", "part load"),
    ("PU", "part unload"),
    ("DT", "drop trailer"),
    ("AL", "advance loading"),
    ("SL", "spot for loading"),
    ("SU", "spot for unloading"),
    ("RT", "retrieve trailer"),
    ("PA", "pick up pre-loaded equipment"),
    ("LE", "spot for load exchange"),
    ("CN", "consolidate"),
    ("TL", "transload"),
    ("WL", "weigh loaded"),
    ("IN", "inspection"),
    ("HT", "heat the shipment"),
];

/// G6201: what a date is (element 432).
pub const DATE: &[(&str, &str)] = &[
    ("02", "delivery requested"),
    ("10", "pickup requested"),
    ("11", "shipped"),
    ("17", "estimated delivery"),
    ("35", "delivered"),
    ("37", "not before (pickup)"),
    ("38", "not later than (pickup)"),
    ("53", "not before (delivery)"),
    ("54", "not later than (delivery)"),
    ("64", "respond by"),
    ("68", "delivery requested"),
    ("69", "pickup scheduled"),
    ("70", "delivery scheduled"),
    ("86", "picked up"),
    ("AG", "estimated arrival"),
    ("BO", "bill of lading date"),
];

/// N101: the role of a party (element 98).
pub const ROLE: &[(&str, &str)] = &[
    ("SH", "shipper"),
    ("CN", "consignee"),
    ("BT", "bill-to party"),
    ("SF", "ship-from"),
    ("ST", "ship-to"),
    ("CA", "carrier"),
    ("PW", "pickup address"),
    ("DA", "delivery address"),
    ("BY", "buyer"),
    ("SE", "seller"),
    ("PR", "payer"),
    ("PE", "payee"),
    ("RE", "remit-to party"),
    ("VN", "vendor"),
    ("SU", "supplier"),
    ("N1", "notify party"),
    ("PF", "freight bill recipient"),
    ("BN", "beneficial owner"),
    ("WH", "warehouse"),
    ("CB", "customs broker"),
    ("FW", "forwarder"),
    ("LW", "customer"),
    ("TE", "terminal"),
];

/// AT701: shipment status (element 1650).
pub const STATUS: &[(&str, &str)] = &[
    ("A3", "shipment returned to shipper"),
    ("A7", "refused by consignee"),
    ("A9", "shipment damaged"),
    ("AF", "carrier departed pickup location with shipment"),
    ("AG", "estimated delivery"),
    ("AH", "attempted delivery"),
    ("AI", "shipment has been reconsigned"),
    ("AM", "loaded on truck"),
    ("AP", "delivery not completed"),
    ("AR", "rail arrival at destination"),
    ("AV", "available for delivery"),
    ("B6", "estimated to arrive at carrier terminal"),
    ("C1", "estimated to depart terminal"),
    ("CA", "shipment cancelled"),
    ("CD", "carrier departed delivery location"),
    ("CP", "completed loading at pickup location"),
    ("D1", "completed unloading at delivery location"),
    ("I1", "in-gate"),
    ("J1", "delivered to connecting line"),
    ("K1", "arrived at customs"),
    ("L1", "loading"),
    ("OA", "out-gate"),
    ("OO", "paperwork received"),
    ("P1", "departed terminal location"),
    ("R1", "received from prior carrier"),
    ("RL", "rail departure from origin"),
    ("S1", "trailer spotted at consignee"),
    ("SD", "shipment delayed"),
    ("X1", "arrived at delivery location"),
    ("X2", "estimated arrival at consignee"),
    ("X3", "arrived at pickup location"),
    ("X4", "arrived at terminal"),
    ("X5", "arrived at delivery location, loading dock"),
    ("X6", "en route to delivery location"),
    ("X8", "arrived at pickup location, loading dock"),
    ("XB", "shipment acknowledged"),
];

/// AT703: appointment status (element 1652).
pub const APPOINTMENT: &[(&str, &str)] = &[
    ("AA", "pickup appointment"),
    ("AB", "delivery appointment"),
    ("AC", "estimated delivery appointment"),
    ("X9", "delivery appointment secured"),
];

/// AT702 and AT704: reason (element 1651).
pub const REASON: &[(&str, &str)] = &[
    ("NS", "normal status"),
    ("NA", "normal appointment"),
    ("AD", "customer requested future delivery"),
    ("AG", "consignee related"),
    ("AI", "mechanical breakdown"),
    ("AO", "weather or natural disaster"),
    ("AQ", "recipient unavailable"),
    ("BG", "other"),
    ("A1", "missed delivery"),
    ("AF", "accident"),
    ("AM", "shipper related"),
    ("B8", "improper unloading facility"),
];

/// B104: answer to a tender (element 558).
pub const ANSWER: &[(&str, &str)] =
    &[("A", "accepted"), ("D", "declined"), ("C", "counter-proposed"), ("B", "accepted with conditions")];

/// L108: special charges (element 150).
pub const CHARGE: &[(&str, &str)] = &[
    ("400", "freight"),
    ("405", "fuel surcharge"),
    ("FUE", "fuel surcharge"),
    ("CUS", "customs charge"),
    ("DSC", "discount"),
    ("SAC", "service charge"),
    ("DET", "detention"),
    ("LFT", "lift gate"),
    ("RES", "residential delivery"),
    ("STO", "storage"),
    ("TON", "truck ordered, not used"),
    ("LAY", "layover"),
];

/// L1102, N901, REF01: what a reference is (element 128).
pub const REFERENCE: &[(&str, &str)] = &[
    ("BM", "bill of lading"),
    ("PO", "purchase order"),
    ("CN", "carrier's reference (PRO)"),
    ("SI", "shipper's id"),
    ("DO", "delivery order"),
    ("CR", "customer reference"),
    ("4F", "carrier-assigned shipper number"),
    ("97", "package number"),
    ("SCA", "SCAC"),
    ("11", "account number"),
    ("MB", "master bill of lading"),
    ("BN", "booking number"),
    ("IA", "internal vendor number"),
    ("IV", "invoice"),
    ("DP", "department"),
    ("ST", "store number"),
    ("AO", "appointment number"),
    ("OQ", "order number"),
    ("P8", "pickup reference"),
    ("18", "plan number"),
    ("9R", "job number"),
    ("VN", "vendor order number"),
    ("EQ", "equipment number"),
    ("SN", "seal number"),
];

/// BPR04: how money moves (element 591).
pub const PAY_METHOD: &[(&str, &str)] = &[
    ("ACH", "ACH transfer"),
    ("CHK", "cheque"),
    ("FWT", "wire transfer"),
    ("BOP", "bank's choice"),
    ("NON", "no payment"),
];

/// ADX02: adjustment reason (element 426).
pub const ADJUSTMENT: &[(&str, &str)] = &[
    ("01", "pricing error"),
    ("06", "quantity contested"),
    ("59", "item not received"),
    ("L6", "interest"),
    ("72", "authorized return"),
];

/// AK5, IK5, AK9, TA1: verdicts (elements 717, 715, I17).
pub const VERDICT: &[(&str, &str)] = &[
    ("A", "accepted"),
    ("E", "accepted with errors"),
    ("P", "partially accepted"),
    ("R", "rejected"),
    ("M", "rejected, message authentication failed"),
    ("W", "rejected, assurance failed"),
    ("X", "rejected, could not be decrypted"),
];

/// Units of weight (element 188) and quantity.
pub const UNIT: &[(&str, &str)] = &[
    ("L", "lb"),
    ("K", "kg"),
    ("G", "gross"),
    ("N", "net"),
    ("E", "cubic feet"),
    ("X", "cubic metres"),
    ("PC", "pieces"),
    ("PCS", "pieces"),
    ("PLT", "pallets"),
    ("SKD", "skids"),
    ("CTN", "cartons"),
    ("CAS", "cases"),
    ("PL", "pallets"),
    ("CT", "cartons"),
    ("CA", "cases"),
    ("EA", "each"),
];

/// AK304, IK304: segment errors (element 720).
pub const SEGMENT_ERROR: &[(&str, &str)] = &[
    ("1", "unrecognised segment"),
    ("2", "unexpected segment"),
    ("3", "mandatory segment missing"),
    ("4", "loop occurs too often"),
    ("5", "segment occurs too often"),
    ("6", "segment not in this set"),
    ("7", "segment out of sequence"),
    ("8", "segment has element errors"),
];

/// AK403, IK403: element errors (element 723).
pub const ELEMENT_ERROR: &[(&str, &str)] = &[
    ("1", "mandatory element missing"),
    ("2", "conditional element missing"),
    ("3", "too many elements"),
    ("4", "element too short"),
    ("5", "element too long"),
    ("6", "invalid character"),
    ("7", "invalid code"),
    ("8", "invalid date"),
    ("9", "invalid time"),
    ("10", "exclusion violated"),
];
