//! The traits an author implements, one per interface of the contract. They must not hold state: every call gets a
//! fresh instance, so all functions are associated functions.

use crate::file::FileReader;
use crate::types::{
    Budget, Description, Document, Fault, FileEntry, FilePage, Outcome, Page, ReplyFile, Request, StreamBatch, Verdict,
};

/// What the connector is. Every connector implements it.
pub trait Describe {
    /// Says what it is. No imports may be used.
    fn describe() -> Description;

    /// Checks a configuration (JSON text) beyond its schema.
    ///
    /// # Errors
    /// `bad-config` with a JSON pointer to the wrong key: see [`Fault::bad_config`].
    fn check(_config: &str) -> Result<(), Fault> {
        Ok(())
    }
}

/// The source sends signed requests.
pub trait Webhook {
    /// Judges one request. May use `crypto`, the clock, the configuration and the log. A genuine request whose body
    /// cannot be read must still be accepted, with [`crate::signature::body_key`] as its key.
    fn verify(request: &Request) -> Verdict;

    /// Turns an accepted request into documents. Pure: the same request gives the same documents.
    ///
    /// # Errors
    /// The whole request goes to the dead letters, or is tried again: what the fault's kind says.
    fn parse(request: &Request) -> Result<Vec<Document>, Fault>;
}

/// The host asks the source again and again.
pub trait Poll {
    /// The independent parts to poll, each with its own cursor.
    ///
    /// # Errors
    /// The source could not say; the host tries again as the fault's kind says.
    fn slices() -> Result<Vec<String>, Fault> {
        Ok(vec!["default".to_owned()])
    }

    /// Fetches one page. `cursor` is what the last committed page answered, absent the first time.
    ///
    /// # Errors
    /// Nothing is committed; the host calls again with the same cursor as the fault's kind says.
    fn fetch(slice: &str, cursor: Option<&str>, budget: &Budget) -> Result<Page, Fault>;
}

/// The source pushes over a connection that the connector holds through the host.
pub trait Stream {
    /// Collects up to `max` documents, waiting at most `wait_ms` milliseconds for the first.
    ///
    /// # Errors
    /// Nothing is committed; the host calls again with the same cursor as the fault's kind says.
    fn collect(cursor: Option<&str>, max: u32, wait_ms: u32) -> Result<StreamBatch, Fault>;
}

/// The source leaves files.
pub trait Batch {
    /// Files waiting at the source. Sources whose files are given to the host leave this alone.
    ///
    /// # Errors
    /// The source could not say; the host tries again as the fault's kind says.
    fn list(_cursor: Option<&str>) -> Result<Vec<FileEntry>, Fault> {
        Ok(Vec::new())
    }

    /// Reads on in a file, a page at a time. The same file and resume point give the same page.
    ///
    /// # Errors
    /// For the whole file: the host keeps it in the dead letters. Smaller damage belongs into the page's issues.
    fn parse(file: &dyn FileReader, resume: Option<&str>) -> Result<FilePage, Fault>;

    /// What to send back for a file that was worked off. Called again after a crash: answer the same.
    ///
    /// # Errors
    /// No answer could be made; the host tries again as the fault's kind says.
    fn acknowledge(_file: &dyn FileReader, _outcomes: &[Outcome]) -> Result<Vec<ReplyFile>, Fault> {
        Ok(Vec::new())
    }
}
