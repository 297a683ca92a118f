//! The server to compare with: axum, the body is read, 202 is answered, nothing else happens.

use std::net::SocketAddr;

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Router, serve};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Starts it on a free port; it ends with the token.
pub async fn start(stop: CancellationToken) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = Router::new().route(
        "/webhooks/{source}",
        post(|body: Bytes| async move { if body.is_empty() { StatusCode::BAD_REQUEST } else { StatusCode::ACCEPTED } }),
    );
    tokio::spawn(async move { serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await });
    Ok(address)
}
