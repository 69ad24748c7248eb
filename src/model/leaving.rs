//! What would leave over a channel, as it can be shown: whole, but for its secrets. Values only.

/// One thing that leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaving {
    /// A mail.
    Mail {
        /// By which way, in words.
        by: String,
        /// Names and values in the order of the mail, in words rather than as they are encoded.
        headers: Vec<(String, String)>,
        /// What it says, likewise.
        text: String,
        /// All of it as it is handed over.
        raw: String,
    },
    /// An HTTP request.
    Request {
        /// `POST` …
        method: String,
        /// Where.
        url: String,
        /// Names and values.
        headers: Vec<(String, String)>,
        /// What is said.
        body: String,
    },
    /// A program that is run.
    Run {
        /// Its name and arguments.
        argv: Vec<String>,
        /// What it reads.
        stdin: String,
    },
}

/// What a letter would be over one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// In this order.
    pub leaving: Vec<Leaving>,
    /// What keeps it from leaving, or from leaving like this: a secret that cannot be read, words that are missing.
    pub troubles: Vec<String>,
}
