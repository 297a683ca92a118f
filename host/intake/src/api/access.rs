//! Who may ask the API for what: bearer tokens with scopes. Every route below `/v1` is behind this, unknown ones too.
//!
//! Reading needs `read`, everything else `operate`: decided by the method, so that a new route cannot be forgotten.

use apex_model::ids::Digest;
use apex_model::{Code, Failure};
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::ApiState;
use super::problem::Problem;

/// What a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Look at everything.
    Read,
    /// Also give documents, replay, pause, resume, poll.
    Operate,
    /// Also change what runs: plugins, rollout.
    Deploy,
    /// Everything, tokens included.
    Admin,
}

/// A token. Only its digest is kept.
#[derive(Debug, Clone)]
pub struct Token {
    digest: Digest,
    scopes: Vec<Scope>,
}

impl Token {
    /// A token of these scopes. Each scope includes `read`, `admin` includes all.
    pub fn new(secret: &str, scopes: &[Scope]) -> Self {
        Self { digest: Digest::of(secret.as_bytes()), scopes: scopes.to_vec() }
    }

    fn allows(&self, needed: Scope) -> bool {
        !self.scopes.is_empty() && needed == Scope::Read
            || self.scopes.iter().any(|scope| *scope == needed || *scope == Scope::Admin)
    }
}

/// Who may use the API.
#[derive(Debug, Clone)]
pub enum Access {
    /// Whoever has one of these tokens.
    Tokens(Vec<Token>),
    /// The caller is this very process: no token is asked for. Never for a listener.
    Trusted,
}

impl Access {
    fn check(&self, headers: &HeaderMap, needed: Scope) -> Result<(), Problem> {
        let Self::Tokens(tokens) = self else { return Ok(()) };
        let presented = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
        let token = presented.and_then(|presented| find(tokens, presented)).ok_or_else(|| {
            Problem::from(Failure::never(Code::UNAUTHORIZED, "the request has no valid token").next(
                "send `Authorization: Bearer <token>`; `serve` keeps one in the file `token` of its data directory",
            ))
        })?;
        if token.allows(needed) {
            return Ok(());
        }
        let what = format!("the token does not carry the scope `{}`", word(needed));
        let failure = Failure::never(Code::UNAUTHORIZED, what)
            .next("use the token in the file `token` of the server's data directory: it carries every scope");
        Err(Problem::with_status(StatusCode::FORBIDDEN, failure))
    }
}

fn word(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "read",
        Scope::Operate => "operate",
        Scope::Deploy => "deploy",
        Scope::Admin => "admin",
    }
}

/// The token of `Bearer <token>`; the scheme's case does not matter (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Compares digests without stopping at the first difference, and all tokens without stopping at the first match.
fn find<'a>(tokens: &'a [Token], presented: &str) -> Option<&'a Token> {
    let presented = Digest::of(presented.as_bytes());
    tokens.iter().fold(None, |found, token| {
        let difference = token.digest.0.iter().zip(presented.0).fold(0, |sum, (a, b)| sum | (a ^ b));
        if std::hint::black_box(difference) == 0 { Some(token) } else { found }
    })
}

/// Lets a request pass if its token allows it, and counts it either way.
pub(super) async fn guard(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let needed = if matches!(*request.method(), Method::GET | Method::HEAD) { Scope::Read } else { Scope::Operate };
    let method = counted_method(request.method());
    let response = match state.access().check(request.headers(), needed) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    state.metrics().count_api(method, response.status().as_u16());
    response
}

/// Methods are the sender's text: only those the API has become labels.
fn counted_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn status(access: &Access, header: Option<&str>, needed: Scope) -> u16 {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header.parse().unwrap());
        }
        access.check(&headers, needed).map_or_else(|problem| problem.into_response().status().as_u16(), |()| 200)
    }

    #[test]
    fn scopes_allow_what_they_say_and_no_more() {
        let table = [
            (vec![Scope::Read], [200, 403, 403, 403]),
            (vec![Scope::Operate], [200, 200, 403, 403]),
            (vec![Scope::Deploy], [200, 403, 200, 403]),
            (vec![Scope::Operate, Scope::Deploy], [200, 200, 200, 403]),
            (vec![Scope::Admin], [200, 200, 200, 200]),
            (vec![], [403, 403, 403, 403]),
        ];
        for (scopes, expected) in table {
            let access = Access::Tokens(vec![Token::new("other", &[Scope::Admin]), Token::new("s3cret", &scopes)]);
            let all = [Scope::Read, Scope::Operate, Scope::Deploy, Scope::Admin];
            assert_eq!(all.map(|needed| status(&access, Some("Bearer s3cret"), needed)), expected, "{scopes:?}");
        }
    }

    #[test]
    fn without_the_right_token_nothing_is_allowed() {
        let access = Access::Tokens(vec![Token::new("s3cret", &[Scope::Admin])]);
        for header in [None, Some(""), Some("s3cret"), Some("Basic s3cret"), Some("Bearer "), Some("Bearer S3cret")] {
            assert_eq!(status(&access, header, Scope::Read), 401, "{header:?}");
        }
        assert_eq!(status(&access, Some("bearer s3cret"), Scope::Read), 200);
        assert_eq!(status(&Access::Tokens(vec![]), Some("Bearer "), Scope::Read), 401);
    }
}
