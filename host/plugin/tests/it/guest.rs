//! Writes small connectors: a core module in the text format with the canonical ABI laid out by hand, wrapped as a
//! component that carries its manifest.
//!
//! Layouts follow the component model's canonical ABI (<https://github.com/WebAssembly/component-model>,
//! `design/mvp/CanonicalABI.md`): a `string` or `list` is pointer and length, a variant starts with its tag.

use std::fmt::Write as _;
use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const DATA: u32 = 4_096;

/// Bytes at known places in the guest's memory.
#[derive(Clone, Default)]
pub struct Layout(Vec<u8>);

impl Layout {
    /// Places bytes; answers where.
    fn bytes(&mut self, bytes: &[u8]) -> u32 {
        while !self.0.len().is_multiple_of(8) {
            self.0.push(0);
        }
        let at = DATA + u32::try_from(self.0.len()).unwrap();
        self.0.extend_from_slice(bytes);
        at
    }

    /// Places 32-bit words.
    fn words(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.bytes(&bytes)
    }

    /// Places text; answers pointer and length.
    fn text(&mut self, text: &str) -> [u32; 2] {
        [self.bytes(text.as_bytes()), u32::try_from(text.len()).unwrap()]
    }
}

/// A connector in the making.
#[derive(Clone)]
pub struct Guest {
    pub id: String,
    pub version: String,
    manifest: String,
    pub pages: u32,
    offers: Vec<&'static str>,
    imports: String,
    functions: String,
    layout: Layout,
    schema: String,
    check: String,
    world: String,
}

impl Guest {
    /// A connector that only describes itself.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            version: "1.0.0".to_owned(),
            manifest: String::new(),
            pages: 4,
            offers: Vec::new(),
            imports: String::new(),
            functions: String::new(),
            layout: Layout::default(),
            schema: r#"{"type":"object","properties":{}}"#.to_owned(),
            check: "(i32.const 0)".to_owned(),
            world: "include apex:connector/describe-source@1.0.0;".to_owned(),
        }
    }

    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    pub fn schema(mut self, schema: &str) -> Self {
        schema.clone_into(&mut self.schema);
        self
    }

    /// More lines of the manifest.
    pub fn manifest(mut self, lines: &str) -> Self {
        self.manifest.push_str(lines);
        self
    }

    /// The body of `describe.check`, which has the parameters 0 (pointer) and 1 (length).
    pub fn check(mut self, body: &str) -> Self {
        body.clone_into(&mut self.check);
        self
    }

    /// Any further definition of the module: a start function, a table.
    pub fn define(mut self, text: &str) -> Self {
        self.functions.push_str(text);
        self
    }

    pub fn import(mut self, interface: &str, function: &str, signature: &str) -> Self {
        let _ = writeln!(
            self.imports,
            "(import \"apex:connector/{interface}@1.0.0\" \"{function}\" (func ${function} {signature}))"
        );
        self
    }

    /// `webhook` with these bodies. Parameters of both: method 0 1, target 2 3, headers 4 5, body 6 7, received-at 8 9.
    pub fn webhook(mut self, verify: &str, parse: &str) -> Self {
        self.offers.push("webhook");
        self.world.push_str("include apex:connector/webhook-source@1.0.0;");
        for (name, body) in [("verify", verify), ("parse", parse)] {
            let _ = writeln!(
                self.functions,
                "(func (export \"apex:connector/webhook@1.0.0#{name}\") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) \
                 (result i32) {body})"
            );
        }
        self
    }

    /// `poll` with this `fetch`. Parameters: slice 0 1, cursor 2 (there or not) 3 4, budget 5 6 7.
    pub fn poll(mut self, fetch: &str) -> Self {
        self.offers.push("poll");
        self.world.push_str("include apex:connector/poll-source@1.0.0;");
        let slice = self.layout.text("default");
        let slices = self.layout.words(&slice);
        let slices = self.layout.words(&[0, slices, 1]);
        let _ = writeln!(
            self.functions,
            "(func (export \"apex:connector/poll@1.0.0#slices\") (result i32) (i32.const {slices}))\n\
             (func (export \"apex:connector/poll@1.0.0#fetch\") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) {fetch})"
        );
        self
    }

    /// `stream` that is never called.
    pub fn stream(mut self) -> Self {
        self.offers.push("stream");
        self.world.push_str("include apex:connector/stream-source@1.0.0;");
        let _ = writeln!(
            self.functions,
            "(func (export \"apex:connector/stream@1.0.0#collect\") (param i32 i32 i32 i32 i32) (result i32) unreachable)"
        );
        self
    }

    /// A verdict `accept`; answers the guest and where the verdict lies.
    pub fn accept(&mut self, event_key: &str, event_type: &str) -> u32 {
        let (key, kind) = (self.layout.text(event_key), self.layout.text(event_type));
        self.layout.words(&[0, key[0], key[1], kind[0], kind[1], 0, 0, 0, 0, 0, 0])
    }

    /// A verdict `reject(bad-signature)`.
    pub fn reject(&mut self) -> u32 {
        self.layout.words(&[3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    /// A verdict `challenge` with this status and body.
    pub fn challenge(&mut self, status: u32, body: &str) -> u32 {
        let (kind, body) = (self.layout.text("text/plain"), self.layout.text(body));
        self.layout.words(&[1, status, kind[0], kind[1], body[0], body[1], 0, 0, 0, 0, 0])
    }

    /// Text in the guest's memory, as two constants.
    pub fn text(&mut self, text: &str) -> String {
        let [at, length] = self.layout.text(text);
        format!("(i32.const {at}) (i32.const {length})")
    }

    /// Room that the guest writes to.
    pub fn room(&mut self, words: usize) -> u32 {
        self.layout.words(&vec![0; words])
    }

    /// `ok` with `count` documents that all point to the same texts.
    pub fn documents(&mut self, count: u32, id: &str, content_bytes: u32) -> u32 {
        let id = self.layout.text(id);
        let (kind, media, metadata) =
            (self.layout.text("note"), self.layout.text("text/plain"), self.layout.text("{}"));
        // Zeros, which are text as well as any.
        let content = [if content_bytes == 0 { 0 } else { 2 << 16 }, content_bytes];
        #[rustfmt::skip]
        let one = [
            id[0], id[1], kind[0], kind[1], 0, id[0], id[1], content[0], content[1], media[0], media[1],
            0, 0, 0, 0, 0, 0, metadata[0], metadata[1], 0, 0, 0, 0, 0, 0,
        ];
        let all: Vec<u32> = (0..count).flat_map(|_| one).collect();
        let list = self.layout.words(&all);
        self.layout.words(&[0, list, count, 0, 0, 0, 0, 0, 0])
    }

    /// `err` with a fault of this kind (its tag in the contract).
    pub fn fault(&mut self, tag: u32, payload: [u32; 3], code: &str, message: &str) -> u32 {
        let (code, message) = (self.layout.text(code), self.layout.text(message));
        self.layout.words(&[1, tag, payload[0], payload[1], payload[2], code[0], code[1], message[0], message[1]])
    }

    /// The manifest's text.
    pub fn manifest_text(&self) -> String {
        format!("id = \"{}\"\nversion = \"{}\"\nexports = {:?}\n{}", self.id, self.version, self.offers, self.manifest)
    }

    /// The component's bytes.
    pub fn build(self) -> Vec<u8> {
        let manifest = self.manifest_text();
        let mut component = self.build_bare();
        append_section(&mut component, "apex:manifest", manifest.as_bytes());
        component
    }

    /// The component's bytes without a manifest.
    pub fn build_bare(self) -> Vec<u8> {
        let world = self.world.clone();
        let mut module = wat::parse_str(self.module()).unwrap();
        let mut resolve = Resolve::default();
        resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/v1")).unwrap();
        let package = resolve.push_str("guest.wit", &format!("package test:guest; world guest {{ {world} }}")).unwrap();
        let world = resolve.select_world(&[package], Some("guest")).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
    }

    /// The core module's text.
    pub fn module(mut self) -> String {
        let (id, version, schema) = (self.id.clone(), self.version.clone(), self.schema.clone());
        let (id, version, schema) = (self.layout.text(&id), self.layout.text(&version), self.layout.text(&schema));
        let info =
            self.layout.words(&[id[0], id[1], version[0], version[1], id[0], id[1], 0, 0, 0, 0, schema[0], schema[1]]);
        let mut data = String::new();
        for byte in &self.layout.0 {
            let _ = write!(data, "\\{byte:02x}");
        }
        let heap = (DATA + u32::try_from(self.layout.0.len()).unwrap() + 1_024).next_multiple_of(16);
        let Self { imports, functions, pages, check, .. } = self;
        format!(
            r#"(module
                {imports}
                (memory (export "memory") {pages})
                (data (i32.const {DATA}) "{data}")
                (global $heap (mut i32) (i32.const {heap}))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
                    (global.set $heap (i32.add (local.get $at) (local.get 3)))
                    (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
                        (then (if (i32.eq (memory.grow (i32.add (i32.shr_u (local.get 3) (i32.const 16)) (i32.const 1)))
                            (i32.const -1)) (then unreachable))))
                    (local.get $at))
                (func (export "apex:connector/describe@1.0.0#info") (result i32) (i32.const {info}))
                (func (export "apex:connector/describe@1.0.0#check") (param i32 i32) (result i32) {check})
                {functions})"#
        )
    }
}

/// Appends a custom section on the outermost level (core specification §5.5.3).
pub fn append_section(component: &mut Vec<u8>, name: &str, data: &[u8]) {
    let leb = |mut value: usize| {
        let mut bytes = Vec::new();
        loop {
            let byte = u8::try_from(value & 0x7f).unwrap();
            value >>= 7;
            if value == 0 {
                bytes.push(byte);
                return bytes;
            }
            bytes.push(byte | 0x80);
        }
    };
    let body = [leb(name.len()), name.as_bytes().to_vec(), data.to_vec()].concat();
    component.push(0);
    component.extend(leb(body.len()));
    component.extend(body);
}

/// A webhook connector that accepts everything with the event key `key`.
pub fn accepting(id: &str, key: &str) -> Guest {
    let mut guest = Guest::new(id);
    let accept = guest.accept(key, "ping");
    let documents = guest.documents(1, "doc-1", 0);
    guest.webhook(&format!("(i32.const {accept})"), &format!("(i32.const {documents})"))
}

/// A webhook connector whose presented HMAC-SHA256, in hex, is the request's target, under the secret `webhook`.
pub fn checking(id: &str) -> Guest {
    let mut guest = Guest::new(id);
    let (accept, reject) = (guest.accept("key", "ping"), guest.reject());
    let secret = guest.text("webhook");
    let (list, answer) = (guest.room(2), guest.room(4));
    let documents = guest.documents(1, "doc-1", 0);
    guest
        .import("crypto", "verify-mac", "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)")
        .manifest("[[secrets]]\nname = \"webhook\"\nuse = \"verify\"\n")
        .webhook(
            &format!(
                "(i32.store (i32.const {list}) (local.get 2)) (i32.store offset=4 (i32.const {list}) (local.get 3))
                 (call $verify-mac {secret} (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                    (i32.const 0) (i32.const {list}) (i32.const 1) (i32.const {answer}))
                 (if (result i32) (i32.and (i32.eqz (i32.load8_u (i32.const {answer}))) (i32.load8_u offset=4 (i32.const {answer})))
                    (then (i32.const {accept})) (else (i32.const {reject})))"
            ),
            &format!("(i32.const {documents})"),
        )
}
