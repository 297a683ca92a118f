//! Scheme, host and port: what a grant of a host is made of.

use reqwest::Url;

/// Where a request goes. Hosts are compared as the URL standard normalises them: lower case, addresses in one form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// Reads an absolute `http` or `https` URL; what follows the port is ignored.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::of(&Url::parse(text).ok()?)
    }

    /// The origin of a URL, if it is `http` or `https`.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        let scheme = url.scheme();
        if !matches!(scheme, "http" | "https") {
            return None;
        }
        // A trailing dot names the same host.
        let host = url.host_str()?.trim_end_matches('.');
        (!host.is_empty()).then_some(())?;
        Some(Self { scheme: scheme.to_owned(), host: host.to_owned(), port: url.port_or_known_default()? })
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let default = if self.scheme == "https" { 443 } else { 80 };
        write!(f, "{}://{}", self.scheme, self.host)?;
        if self.port == default { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}
