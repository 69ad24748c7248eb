//! What an act came to, for all managers and remedies. Values only.

/// Something was done, or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acted {
    /// What was executed, in order, as a person would type it.
    pub did: Vec<String>,
    /// What the manager complained about although it did as it was told; one line each.
    pub said: Vec<String>,
    /// What it showed, line by line, for the evidence: the end of an output, what a file differed in.
    pub shown: Vec<String>,
    /// `Ok`: it was done, which proves nothing about the service. `Err`: it was not.
    pub result: Result<(), Refusal>,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// In words for a person: what to change or to type.
    pub why: String,
    /// It would have needed another user's right.
    pub no_right: bool,
}

impl Acted {
    /// Nothing was done, because of `why`.
    pub fn refused(why: impl Into<String>) -> Self {
        Self::nothing().refuse(why)
    }

    /// Nothing was done yet.
    pub(crate) fn nothing() -> Self {
        Self { did: Vec::new(), said: Vec::new(), shown: Vec::new(), result: Ok(()) }
    }

    /// It ends here, not done.
    pub(crate) fn refuse(mut self, why: impl Into<String>) -> Self {
        self.result = Err(Refusal { why: why.into(), no_right: false });
        self
    }

    /// It ends here, for want of a right.
    pub(crate) fn no_right(mut self, why: impl Into<String>) -> Self {
        self.result = Err(Refusal { why: why.into(), no_right: true });
        self
    }

    /// What `next` did after it.
    pub(crate) fn then(mut self, next: Self) -> Self {
        self.did.extend(next.did);
        self.said.extend(next.said);
        self.shown.extend(next.shown);
        self.result = next.result;
        self
    }
}
