//! Addresses of mail.

use regex::Regex;

use super::Found;

/// Patterns of this family.
#[derive(Debug)]
pub struct Rules {
    email: Regex,
}

impl Rules {
    /// Compiles the patterns.
    pub fn new() -> Result<Self, regex::Error> {
        Ok(Self {
            email: Regex::new(r"(?i)\b[a-z0-9][a-z0-9._%+'-]*@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24}\b")?,
        })
    }

    /// Finds them in `text`.
    pub fn find(&self, text: &str, found: &mut Found) {
        for mail in self.email.find_iter(text) {
            let address = mail.as_str().to_lowercase();
            found.add("email", &address, &address);
        }
    }
}
