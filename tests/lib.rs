//! The integration tests: one binary, so that it links once. Each module says what belongs in it.
