//! Published vectors: each check passes with them and fails with one bit changed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use secrecy::SecretString;
use serde_json::Value;

use super::super::jwt;
use super::*;
use crate::grant::Config;
use crate::manifest::{Encoding, Manifest};
use crate::settings::SourceSettings;

/// A grant with one secret `key`, whose values are given in hex.
fn grant(hex_keys: &[&str]) -> Grant {
    let manifest = Manifest::parse(
        "id = \"t\"\nversion = \"1.0.0\"\nexports = []\n[[secrets]]\nname = \"key\"\nuse = \"verify\"\nencoding = \"hex\"\n",
    )
    .unwrap();
    let mut settings = SourceSettings::bare(apex_model::ids::SourceName::parse("t").unwrap(), "t");
    settings.secrets.insert("key".to_owned(), hex_keys.iter().map(|text| SecretString::from(*text)).collect());
    Grant::effective(&manifest, &settings, &Config { given: &Value::Null, schema: &Value::Null }).unwrap()
}

fn message(body: &[u8]) -> Message<'_> {
    Message { prefix: b"", body, suffix: b"" }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn rfc_4231_and_2202_macs() {
    // RFC 4231 §4.2, test case 1; RFC 2202 §3, test case 1.
    let grant = grant(&["0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"]);
    for (mac, tag) in [
        (Mac::HmacSha256, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            Mac::HmacSha512,
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
        ),
        (Mac::HmacSha1, "b617318655057264e28bc0b6fb378c8ef146be00"),
    ] {
        let check = |body: &[u8], presented: &[&str]| {
            verify_mac(&grant, "key", mac, Written::Hex, message(body), &strings(presented)).unwrap()
        };
        assert!(check(b"Hi There", &[tag]));
        assert!(check(b"Hi There", &["00", tag]));
        assert!(!check(b"Hi there", &[tag]));
        assert!(!check(b"Hi There", &[]));
        assert!(!check(b"Hi There", &[&format!("{tag}00")]));
        let base64 = STANDARD.encode(hex::decode(tag).unwrap());
        assert!(verify_mac(&grant, "key", mac, Written::Base64, message(b"Hi There"), &[base64]).unwrap());
    }
}

#[test]
fn prefix_body_and_suffix_are_one_message() {
    let grant = grant(&["0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"]);
    let tag = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
    let parts = Message { prefix: b"Hi", body: b" The", suffix: b"re" };
    assert!(verify_mac(&grant, "key", Mac::HmacSha256, Written::Hex, parts, &strings(&[tag])).unwrap());
}

#[test]
fn sha256_of_secret_and_message_is_what_sha256sum_says() {
    // printf 'secretbody' | sha256sum
    let tag = "62ea2e334a3ca4a272ae4655478e6f6229a1211cc4c4ca203f03068d8fe4cdec";
    let grant = grant(&[&hex::encode("secret")]);
    let check = |body: &[u8]| {
        let presented = strings(&[tag]);
        verify_mac(&grant, "key", Mac::Sha256OfSecretAndMessage, Written::Hex, message(body), &presented).unwrap()
    };
    assert!(check(b"body"));
    assert!(!check(b"bodz"));
}

#[test]
fn rfc_8032_ed25519() {
    // RFC 8032 §7.1, test 3.
    let public = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
    let signature = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";
    let presented = vec![STANDARD.encode(hex::decode(signature).unwrap())];
    let check =
        |key: &str, body: &[u8]| verify_signature(&grant(&[key]), "key", Scheme::Ed25519, message(body), &presented);
    assert_eq!(check(public, &[0xaf, 0x82]), Ok(true));
    assert_eq!(check(public, &[0xaf, 0x83]), Ok(false));
    // The same key as SubjectPublicKeyInfo (RFC 8410 §4).
    assert_eq!(check(&format!("302a300506032b6570032100{public}"), &[0xaf, 0x82]), Ok(true));
    assert!(matches!(check("00", &[0xaf, 0x82]), Err(CryptoError::Malformed(_))));
}

/// RFC 7515 §A.3: an ES256 token and its key.
const RFC_7515_TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const RFC_7515_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
/// RFC 8037 §A.4: an EdDSA token and its key.
const RFC_8037_TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
const RFC_8037_KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

#[test]
fn rfc_7515_es256_token() {
    let set = grant(&[&hex::encode(format!("{{\"keys\":[{RFC_7515_KEY}]}}"))]);
    let claims = jwt::verify(&set, "key", RFC_7515_TOKEN).unwrap();
    let claims: Value = serde_json::from_str(&claims).unwrap();
    assert_eq!(claims["iss"], "joe");
    // Another claim under the same signature.
    let forged = RFC_7515_TOKEN.replace("eyJpc3MiOiJqb2Ui", "eyJpc3MiOiJqb2Qi");
    assert!(matches!(jwt::verify(&set, "key", &forged), Err(CryptoError::Malformed(_))));
}

#[test]
fn rfc_8037_eddsa_token_is_read_and_its_claims_are_judged() {
    // The vector's payload is plain text, so the signature fits and the claims are refused: both are told apart.
    let one = grant(&[&hex::encode(RFC_8037_KEY)]);
    let error = jwt::verify(&one, "key", RFC_8037_TOKEN).unwrap_err();
    assert_eq!(error, CryptoError::Malformed("the token's claims are not a JSON object".to_owned()));
    let bent = RFC_8037_TOKEN.replace("hgyY", "hgyZ");
    let error = jwt::verify(&one, "key", &bent).unwrap_err();
    assert_eq!(error, CryptoError::Malformed("the token's signature does not fit".to_owned()));
}

#[test]
fn tokens_that_choose_their_own_rules_are_refused() {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let set = grant(&[&hex::encode(RFC_7515_KEY)]);
    let (_, rest) = RFC_7515_TOKEN.split_once('.').unwrap();
    for (header, unknown_key) in [
        (r#"{"alg":"none"}"#, false),
        (r#"{"alg":"HS256"}"#, false),
        (r#"{"alg":"ES256","crit":["exp"]}"#, false),
        (r#"{"alg":"EdDSA"}"#, true),
        (r#"{"alg":"ES256","kid":"other"}"#, true),
    ] {
        let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
        let error = jwt::verify(&set, "key", &token).unwrap_err();
        assert_eq!(matches!(error, CryptoError::UnknownKey(_)), unknown_key, "{header}: {error:?}");
    }
    for text in ["", "a.b", "a.b.c.d", "!.!.!"] {
        assert!(matches!(jwt::verify(&set, "key", text), Err(CryptoError::Malformed(_))), "{text}");
    }
}

#[test]
fn a_static_token_is_compared_whole() {
    let grant = grant(&[&hex::encode("t0ken"), &hex::encode("older")]);
    for (presented, fits) in [("t0ken", true), ("older", true), ("t0ke", false), ("t0ken2", false), ("", false)] {
        assert_eq!(verify_token(&grant, "key", presented), Ok(fits), "{presented}");
    }
    assert!(matches!(verify_token(&grant, "other", "t0ken"), Err(CryptoError::UnknownSecret(_))));
}

#[test]
fn encodings_of_configured_keys() {
    let key =
        |text: &str, encoding| VerifyKey::new(&SecretString::from(text), encoding).map(|key| key.bytes().to_vec());
    assert_eq!(key("abc\n", Encoding::Utf8).unwrap(), b"abc");
    assert_eq!(key("YWJj", Encoding::Base64).unwrap(), b"abc");
    assert_eq!(key("YWI=", Encoding::Base64).unwrap(), b"ab");
    assert_eq!(key("YWI", Encoding::Base64).unwrap(), b"ab");
    assert_eq!(key("616263", Encoding::Hex).unwrap(), b"abc");
    assert_eq!(key("whsec_YWJj", Encoding::Whsec).unwrap(), b"abc");
    for (text, encoding) in
        [("", Encoding::Utf8), ("a c", Encoding::Base64), ("xyz", Encoding::Hex), ("YWJj", Encoding::Whsec)]
    {
        let error = key(text, encoding).unwrap_err();
        assert!(text.is_empty() || !error.contains(text), "the message shows the key: {error}");
    }
}
