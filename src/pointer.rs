//! JSON pointers (RFC 6901), which say where in a body something is wrong.

/// A member's name as a pointer says it.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
